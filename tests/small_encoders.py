"""Small encoders of several families, and layers on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spacy.util import registry
from thinc.api import Model

WORDS = [
    "BRCA1 mutations raise the risk of breast cancer in women and mice",
    "β-catenin binds to TNF-α in the nucleus (κB)",
    "aspirin treats pain and fever of patients; naïve cells were infected with SARS-CoV-2",
]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="session")
def encoders(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of random encoders, each with a tokenizer of its family; all but "cased" take 64 pieces."""
    import torch

    folders = {"cased": tiny_encoder}
    for name, save in (("uncased", save_uncased), ("albert", save_albert), ("roberta", save_roberta)):
        folders[name] = tmp_path_factory.mktemp("encoders") / name
        folders[name].mkdir()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            save(folders[name])
    return folders


def save_uncased(folder: Path) -> None:
    """A BERT that lower-cases and strips accents."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, BertTokenizerFast

    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer(lowercase=True)
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    trained.train_from_iterator(WORDS, trainer)
    trained.model.save(str(folder))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True, model_max_length=64)
    tokenizer.save_pretrained(folder)
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **SIZES)
    BertModel(config).save_pretrained(folder)


def save_albert(folder: Path) -> None:
    """An ALBERT with the pieces of a unigram model, of which some begin with white space."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import AlbertConfig, AlbertModel, AlbertTokenizerFast

    trained = Tokenizer(models.Unigram())
    steps = [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    trained.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " ")])
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    trained.train_from_iterator(WORDS, trainer)
    trained.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    trained.save(str(folder / "tokenizer.json"))
    # the stock layer wants the file of the slow tokenizer, whatever is in it
    (folder / "spiece.model").write_bytes(b"none")
    tokenizer = AlbertTokenizerFast(
        str(folder / "spiece.model"), tokenizer_file=str(folder / "tokenizer.json"), model_max_length=64
    )
    tokenizer.save_pretrained(folder)
    config = AlbertConfig(vocab_size=len(tokenizer), embedding_size=16, max_position_embeddings=64, **SIZES)
    AlbertModel(config).save_pretrained(folder)


def save_roberta(folder: Path) -> None:
    """A RoBERTa with byte-level pieces; its positions begin behind that of the padding."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(WORDS, trainer)
    trained.model.save(str(folder))
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    tokenizer = RobertaTokenizerFast(*files, model_max_length=10**30)  # as many are on the hub
    tokenizer.save_pretrained(folder)
    numbers = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    config = RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=66, **numbers, **SIZES)
    RobertaModel(config).save_pretrained(folder)


@pytest.fixture(scope="session")
def make_layer() -> Callable[..., Model]:
    """Makes `spacy-bioner.TransformerModel.v1` with the encoder of a folder, and without folding."""

    def make(folder: Path, **settings: Any) -> Model:
        create = registry.architectures.get("spacy-bioner.TransformerModel.v1")
        model = create(str(folder), **{"precision": "float32", "overlap": 16, "folding": False, **settings})
        model.initialize()
        return model

    return make


@pytest.fixture(scope="session")
def make_stock() -> Callable[..., Model]:
    """Makes `spacy-transformers.TransformerModel.v3` with the encoder of a folder; each Doc is one window."""

    def make(folder: Path, **settings: Any) -> Model:
        create = registry.architectures.get("spacy-transformers.TransformerModel.v3")
        get_spans = registry.span_getters.get("spacy-transformers.doc_spans.v1")()
        model = create(str(folder), get_spans, {"use_fast": True}, **{"transformer_config": {}, **settings})
        model.initialize()
        return model

    return make
