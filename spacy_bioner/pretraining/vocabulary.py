"""The second step of pretraining: word pieces (Schuster and Nakajima 2012), as BERT's tokenizer has them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.files import Outputs
from spacy_bioner.pretraining.text_files import TEXT, check_output, read_documents, read_manifest

if TYPE_CHECKING:
    from transformers import BertTokenizerFast

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FILE = "vocab.txt"


def train_vocabulary(
    text: Path,
    output: Path,
    size: int = 16_000,
    lowercase: bool = False,
    min_frequency: int = 5,
    alphabet: int = 400,
) -> list[str]:
    """Finds the word pieces of some text, the same ones each time.

    Args:
        text: a folder made by `prepare_text`; held-out documents aren't looked at.
        output: the folder to make, with vocab.txt and the tokenizer's other files.
        size: the number of word pieces, special ones included.
        lowercase: whether capitals are to be turned into small letters, and accents left out.
        min_frequency: how often two pieces must stand side by side to be made one.
        alphabet: how many characters there are at most, the most frequent ones; others become [UNK].

    Returns:
        The word pieces.

    Raises:
        FormatError: if the text isn't what `prepare_text` makes.
        PretrainingError: if the size is more than 16 bits can count or less than the characters need, or the
            output holds something else.
    """
    if not len(SPECIALS) < size <= 1 << 16:
        raise PretrainingError(f"A vocabulary of {size} isn't possible: give a size up to {1 << 16}. [B527]")
    check_output(output, FILE)
    manifest = read_manifest(text, TEXT, "pretrain-text")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    def paragraphs() -> Iterator[list[str]]:
        for part in manifest["parts"]:
            yield from read_documents(text / part["file"])

    # The trainer numbers characters as a hash table has them, cuts the alphabet in that order, and settles
    # ties between pieces by these numbers: what it finds differs from run to run. So we number them.
    counts: Counter[str] = Counter()
    for document in paragraphs():
        counts.update("".join(tokenizer.normalizer.normalize_str("\n".join(document)).split()))
    characters = sorted(counts, key=lambda character: (-counts[character], character))[:alphabet]
    split = tokenizer.pre_tokenizer.pre_tokenize_str
    inner = [f"##{character}" for character in characters if len(split(f"a{character}")) == 1]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        initial_alphabet=characters,
        limit_alphabet=len(characters),
        special_tokens=[*SPECIALS, *inner],
        show_progress=False,
    )
    tokenizer.train_from_iterator(paragraphs(), trainer)
    pieces = [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    if len(pieces) > size:
        raise PretrainingError(
            f"{size} word pieces are too few: the characters alone are {len(pieces)}. Give a larger size, or "
            "a smaller alphabet. [B528]"
        )
    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        folder.mkdir()
        (folder / FILE).write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf8")
        config = {"do_lower_case": lowercase, "strip_accents": lowercase}
        (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n", encoding="utf8")
        load_tokenizer(folder).save_pretrained(folder)
    return pieces


def load_tokenizer(folder: Path, max_length: int = 512) -> "BertTokenizerFast":
    """Loads a tokenizer from a folder with vocab.txt; cased unless tokenizer_config.json says otherwise.

    Args:
        folder: the folder, as `train_vocabulary` makes it, or another with a vocabulary of BERT's form.
        max_length: the most word pieces that the encoder will take.

    Raises:
        FormatError: if there is no vocabulary, or it lacks a special word piece.
    """
    path = folder / FILE
    try:
        pieces = path.read_text(encoding="utf8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(path, None, "not there: name a folder with a vocabulary in it [B529]") from None
    if missing := [piece for piece in SPECIALS if piece not in pieces]:
        raise FormatError(
            path, None, f"not a vocabulary of BERT's form: {', '.join(missing)} isn't in it [B530]"
        )
    config: dict[str, Any] = {}
    if (folder / "tokenizer_config.json").is_file():
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf8"))
    from transformers import BertTokenizerFast

    lowercase = bool(config.get("do_lower_case", False))
    return BertTokenizerFast(
        str(path),
        do_lower_case=lowercase,
        strip_accents=bool(config.get("strip_accents", lowercase)),
        model_max_length=max_length,
    )
