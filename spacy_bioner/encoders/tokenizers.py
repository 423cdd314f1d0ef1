"""Tokenizers of released checkpoints: from a vocabulary to the files of a fast tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from spacy_bioner.encoders.casing import casing
from spacy_bioner.encoders.checkpoint_files import Parts, read_object
from spacy_bioner.encoders.loading import load_plain_tokenizer
from spacy_bioner.errors import EncoderError, FormatError

_NEEDED = {
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]"),
    "albert": ("<pad>", "<unk>", "[CLS]", "[SEP]"),
    "roberta": ("<pad>", "<unk>", "<s>", "</s>"),
}
_PADDED = 128
"""Rows of embeddings that a checkpoint may have beyond its vocabulary, to make their number a round one."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What there is to know of a tokenizer.

    Attributes:
        size: how many pieces it has.
        cased: whether capitals are left as they are.
        remarks: what should be looked at.
        special: the numbers of padding, and of what stands before and behind a sequence.
    """

    size: int
    cased: bool
    remarks: tuple[str, ...]
    special: tuple[int, int, int]


def write_tokenizer(parts: Parts, family: str, config: Any, cased: bool | None, folder: Path) -> Vocabulary:
    """Writes the files of a fast tokenizer.

    Where there are a tokenizer.json and its settings already, and nothing is wrong with them, they are
    copied.

    Args:
        parts: the files of the checkpoint.
        family: "bert", "albert" or "roberta".
        config: transformers' config.
        cased: whether to leave capitals, whatever the vocabulary says; None to go by the vocabulary.
        folder: where to write.

    Raises:
        EncoderError: if the vocabulary doesn't go with the config or with what the settings say of capitals,
            or leaves it in doubt.
        FormatError: if a file isn't what it should be.
    """
    files = parts.tokenizer
    settings = read_object(files["tokenizer_config.json"]) if "tokenizer_config.json" in files else {}
    pieces = _pieces(family, files)
    _check_size(pieces, config, strict=parts.from_tensorflow, path=_main_file(family, files))
    remarks: list[str] = []
    if family == "roberta":
        if cased is False:
            raise EncoderError(
                "RoBERTa's byte-level pieces know no lower-casing: leave --uncased out. [B197]"
            )
        kept = True
    else:
        kept = _decide(pieces, settings.get("do_lower_case"), cased, _main_file(family, files), remarks)
    agreed = settings.get("do_lower_case", not kept) is not kept or family == "roberta"
    ready = {"tokenizer.json", "tokenizer_config.json"} <= set(files)
    if ready and agreed and "auto_map" not in settings:
        for name, path in files.items():
            copyfile(path, folder / name)
        tokenizer = _load(folder)
    else:
        tokenizer = _make(family, files, settings, kept, config)
        tokenizer.save_pretrained(folder)
        if family == "albert" and "spiece.model" in files:
            copyfile(files["spiece.model"], folder / "spiece.model")
    largest = max(tokenizer.get_vocab().values())
    if largest >= config.vocab_size:
        raise EncoderError(
            f"The tokenizer has pieces up to number {largest}, and the config {config.vocab_size} of them: "
            "one of the two is of another checkpoint. [B198]"
        )
    special = tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id
    return Vocabulary(len(pieces), kept, tuple(remarks), special)


def _main_file(family: str, files: Mapping[str, Path]) -> Path:
    names = {"bert": ("vocab.txt",), "albert": ("spiece.model",), "roberta": ("vocab.json",)}[family]
    for name in (*names, "tokenizer.json"):
        if name in files:
            return files[name]
    raise EncoderError(
        f"There is no {names[0]}, which a {family} needs: there are {', '.join(sorted(files))}. [B199]"
    )


def _pieces(family: str, files: Mapping[str, Path]) -> list[str]:
    """The pieces of a vocabulary, in order."""
    path = _main_file(family, files)
    if path.name == "tokenizer.json":
        found = read_object(path).get("model", {}).get("vocab", {})
        pieces = [piece if isinstance(piece, str) else piece[0] for piece in found] if found else []
    elif family == "albert":
        pieces = _sentencepieces(path)
    elif family == "roberta":
        pieces = list(read_object(path))
        if "merges.txt" not in files:
            raise FormatError(
                path, None, "there is no merges.txt beside it, without which it's of no use [B200]"
            )
    else:
        try:
            text = path.read_bytes().decode("utf8")
        except UnicodeDecodeError:
            raise FormatError(path, None, "not UTF-8: this is no vocabulary [B201]") from None
        pieces = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
    missing = [piece for piece in _NEEDED[family] if piece not in pieces]
    if missing:
        raise FormatError(
            path, None, f"not the vocabulary of a {family}: it lacks {', '.join(missing)} [B202]"
        )
    return pieces


def _sentencepieces(path: Path) -> list[str]:
    sentencepiece = _sentencepiece(path)
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
        return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    except (RuntimeError, ValueError, TypeError) as error:
        said = (str(error).splitlines() or [""])[0]
        raise FormatError(path, None, f"not a whole sentencepiece model ({said}) [B203]") from None


def _sentencepiece(path: Path) -> Any:
    try:
        import sentencepiece
        from google import protobuf  # noqa: F401 - which transformers wants for it
    except ImportError:
        raise EncoderError(
            f"{path.name} is a sentencepiece model, and sentencepiece isn't installed, which is needed to "
            "read it: pip install 'spacy-bioner[tensorflow]'. [B204]"
        ) from None
    return sentencepiece


def _check_size(pieces: list[str], config: Any, *, strict: bool, path: Path) -> None:
    more = config.vocab_size - len(pieces)
    if more < 0 or more >= (1 if strict else _PADDED):
        raise FormatError(
            path,
            None,
            f"a vocabulary of {len(pieces):,} pieces, where the config has {config.vocab_size:,}: one of the "
            "two is of another checkpoint [B205]",
        )


def _decide(pieces: list[str], lower: Any, asked: bool | None, path: Path, remarks: list[str]) -> bool:
    """Whether capitals are left, by the vocabulary, checked against settings and what was asked for."""
    counted = casing(piece.removeprefix("##").removeprefix("▁") for piece in pieces)
    found = counted.cased
    names = {True: "cased", False: "uncased"}
    if asked is not None:
        if found is not None and found != asked:
            remarks.append(f"Taken as {names[asked]}, as asked for, though {counted}.")
        return asked
    if found is None:
        raise FormatError(
            path, None, f"it isn't clear whether it's cased: {counted}. Say --cased or --uncased [B206]"
        )
    if isinstance(lower, bool) and lower == found:
        raise FormatError(
            path,
            None,
            f"its settings say do_lower_case = {str(lower).lower()}, and the vocabulary is {names[found]}: "
            f"{counted}. Say --cased or --uncased [B207]",
        )
    return found


def _load(folder: Path) -> Any:
    try:
        return load_plain_tokenizer(folder)
    except Exception as error:  # tokenizers raises no less than that
        raise EncoderError(f"transformers can't load the tokenizer ({error}). [B208]") from None


def _make(family: str, files: Mapping[str, Path], settings: dict[str, Any], cased: bool, config: Any) -> Any:
    """Makes transformers' fast tokenizer of a vocabulary."""
    from transformers import AlbertTokenizerFast, BertTokenizerFast, RobertaTokenizerFast

    path = _main_file(family, files)
    given = {"tokenizer_file": str(path)} if path.name == "tokenizer.json" else {}
    longest: int = config.max_position_embeddings
    tokenizer: Any
    try:
        if family == "bert":
            given = given or {"vocab_file": str(path)}
            names = ("strip_accents", "tokenize_chinese_chars")
            kept = {name: settings[name] for name in names if isinstance(settings.get(name), bool)}
            tokenizer = BertTokenizerFast(**given, do_lower_case=not cased, model_max_length=longest, **kept)
        elif family == "albert":
            if not given:
                _sentencepiece(path)
                given = {"vocab_file": str(path)}
            tokenizer = AlbertTokenizerFast(**given, do_lower_case=not cased, model_max_length=longest)
        else:
            given = given or {"vocab_file": str(path), "merges_file": str(files["merges.txt"])}
            # positions are counted from behind that of the padding
            tokenizer = RobertaTokenizerFast(
                **given,
                add_prefix_space=settings.get("add_prefix_space") is True,
                model_max_length=longest - 2,
            )
    except Exception as error:  # tokenizers raises no less than that
        raise FormatError(path, None, f"no tokenizer can be made of it ({error}) [B209]") from None
    return tokenizer
