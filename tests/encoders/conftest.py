"""Checkpoints as they are released: TensorFlow's, with the original names of variables and files."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pytest

WORDS = (
    "BRCA1 mutations raise the risk of breast cancer in women and mice. TNF-α binds to NF-κB in the nucleus. "
    "Aspirin treats pain and fever of patients; naive cells were infected with SARS-CoV-2. "
    "Cisplatin-induced nephrotoxicity was seen in 12 of 30 rats (p < 0.05)."
)


@dataclass
class Release:
    """A released checkpoint.

    Attributes:
        folder: where its files are.
        config: what its config says.
        variables: what was written, by the original names; without those of the optimizer.
    """

    folder: Path
    config: dict[str, Any]
    variables: dict[str, numpy.ndarray] = field(default_factory=dict)


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    """TensorFlow; a test that asks for it is skipped where it isn't installed."""
    return pytest.importorskip(
        "tensorflow", reason="TensorFlow isn't installed: pip install -e '.[tensorflow]'"
    )


@pytest.fixture(scope="session")
def write_checkpoint(tensorflow: Any) -> Callable[[Path, dict[str, numpy.ndarray]], None]:
    """Writes variables to a TensorFlow checkpoint."""

    def write(prefix: Path, variables: dict[str, numpy.ndarray]) -> None:
        tensorflow.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=list(variables),
            shape_and_slices=[""] * len(variables),
            tensors=[tensorflow.constant(value) for value in variables.values()],
        )
        prefix.with_name(f"{prefix.name}.meta").write_bytes(b"a graph, which nobody reads")

    return write


def nearer_to_nothing(variables: dict[str, numpy.ndarray], factor: float) -> dict[str, numpy.ndarray]:
    """Layers that change less of what goes through them, as many of them need it that are to be trained."""
    nothing = {name: numpy.float32("gamma" in name) for name in variables}
    return {
        name: value
        if "_embeddings" in name
        else nothing[name] + numpy.float32(factor) * (value - nothing[name])
        for name, value in variables.items()
    }


def with_optimizer(variables: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """Variables and what the optimizers of BERT and ALBERT keep beside them."""
    kept = {f"{name}/adam_{part}": value * 0 + 1 for name, value in variables.items() for part in "mv"}
    return {**variables, **kept, "global_step": numpy.array(1_000_000, dtype="int64")}


def pretraining_heads(
    generator: numpy.random.Generator, width: int, table: int, size: int
) -> dict[str, numpy.ndarray]:
    """The variables of the heads of pretraining."""
    shapes = {
        "cls/predictions/transform/dense/kernel": (width, table),
        "cls/predictions/transform/dense/bias": (table,),
        "cls/predictions/transform/LayerNorm/gamma": (table,),
        "cls/predictions/transform/LayerNorm/beta": (table,),
        "cls/predictions/output_bias": (size,),
        "cls/seq_relationship/output_weights": (2, width),
        "cls/seq_relationship/output_bias": (2,),
    }
    return {name: random(generator, shape) for name, shape in shapes.items()}


def random(generator: numpy.random.Generator, shape: tuple[int, ...]) -> numpy.ndarray:
    """Weights that are large enough for differences to show, and no larger: they grow from layer to layer."""
    return generator.normal(size=shape, scale=min(0.3, shape[0] ** -0.5)).astype("float32")


def dense(
    generator: numpy.random.Generator, name: str, inputs: int, outputs: int
) -> dict[str, numpy.ndarray]:
    return {
        f"{name}/kernel": random(generator, (inputs, outputs)),
        f"{name}/bias": random(generator, (outputs,)),
    }


def norm(generator: numpy.random.Generator, name: str, width: int) -> dict[str, numpy.ndarray]:
    return {f"{name}/gamma": 1 + random(generator, (width,)), f"{name}/beta": random(generator, (width,))}


def embeddings(
    generator: numpy.random.Generator, config: dict[str, Any], width: int
) -> dict[str, numpy.ndarray]:
    sizes = {
        "word": config["vocab_size"],
        "position": config["max_position_embeddings"],
        "token_type": config["type_vocab_size"],
    }
    tables = {
        f"bert/embeddings/{name}_embeddings": random(generator, (size, width)) for name, size in sizes.items()
    }
    return {**tables, **norm(generator, "bert/embeddings/LayerNorm", width)}


SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "type_vocab_size": 2,
}


def bert_vocabulary(cased: bool) -> list[str]:
    """Characters, and words of some texts."""
    text = WORDS if cased else WORDS.lower()
    characters = sorted({*text, *"abcdefghijklmnopqrstuvwxyz0123456789()[]<>.,;:%/+-"} - {" "})
    words = sorted({word.strip(".,;()") for word in text.split()} - {*characters, ""})
    special = ["[PAD]", *(f"[unused{i}]" for i in range(1, 4)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return [*special, *characters, *(f"##{c}" for c in characters), *words]


@pytest.fixture(scope="session")
def release_bert(write_checkpoint: Callable) -> Callable[..., Release]:
    """Writes a random BERT as BioBERT is released."""

    def release(
        folder: Path,
        *,
        cased: bool = True,
        prefix: str = "model.ckpt-1000000",
        shrink: float = 1.0,
        **sizes: float,
    ) -> Release:
        folder.mkdir(parents=True, exist_ok=True)
        generator = numpy.random.default_rng(0)
        pieces = bert_vocabulary(cased)
        config = {**SIZES, **sizes, "vocab_size": len(pieces)}
        width, between = config["hidden_size"], config["intermediate_size"]
        variables = embeddings(generator, config, width)
        for i in range(config["num_hidden_layers"]):
            layer = f"bert/encoder/layer_{i}"
            for part in ("query", "key", "value"):
                variables |= dense(generator, f"{layer}/attention/self/{part}", width, width)
            variables |= dense(generator, f"{layer}/attention/output/dense", width, width)
            variables |= norm(generator, f"{layer}/attention/output/LayerNorm", width)
            variables |= dense(generator, f"{layer}/intermediate/dense", width, between)
            variables |= dense(generator, f"{layer}/output/dense", between, width)
            variables |= norm(generator, f"{layer}/output/LayerNorm", width)
        variables |= dense(generator, "bert/pooler/dense", width, width)
        variables |= pretraining_heads(generator, width, width, len(pieces))
        variables = nearer_to_nothing(variables, shrink)
        write_checkpoint(folder / prefix, with_optimizer(variables))
        (folder / "bert_config.json").write_text(json.dumps(config), encoding="utf8")
        (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf8")
        return Release(folder, config, variables)

    return release


def sentencepiece_model(size: int = 120, text: str = WORDS.lower()) -> bytes:
    """A sentencepiece model with the special pieces of ALBERT."""
    sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece isn't installed")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([part for part in text.split(". ") for _ in range(3)]),
        model_writer=model,
        vocab_size=size,
        character_coverage=1.0,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="session")
def pieces_of() -> Callable[..., bytes]:
    """Trains a sentencepiece model."""
    return sentencepiece_model


@pytest.fixture(scope="session")
def release_albert(write_checkpoint: Callable) -> Callable[..., Release]:
    """Writes a random ALBERT as BioALBERT is released."""

    def release(
        folder: Path,
        *,
        prefix: str = "model.ckpt-best",
        text: str = WORDS.lower(),
        shrink: float = 1.0,
        **sizes: float,
    ) -> Release:
        sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece isn't installed")
        folder.mkdir(parents=True, exist_ok=True)
        generator = numpy.random.default_rng(1)
        model = sentencepiece_model(text=text)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        config = {
            **SIZES,
            "embedding_size": 16,
            "num_hidden_groups": 1,
            "inner_group_num": 1,
            "net_structure_type": 0,
            "gap_size": 0,
            "num_memory_blocks": 0,
            "down_scale_factor": 1,
            **sizes,
            "vocab_size": processor.get_piece_size(),
        }
        width, between, table = (config[k] for k in ("hidden_size", "intermediate_size", "embedding_size"))
        variables = embeddings(generator, config, table)
        variables |= dense(generator, "bert/encoder/embedding_hidden_mapping_in", table, width)
        block = "bert/encoder/transformer/group_0/inner_group_0"
        for part in ("query", "key", "value"):
            variables |= dense(generator, f"{block}/attention_1/self/{part}", width, width)
        variables |= dense(generator, f"{block}/attention_1/output/dense", width, width)
        variables |= norm(generator, f"{block}/LayerNorm", width)
        variables |= dense(generator, f"{block}/ffn_1/intermediate/dense", width, between)
        variables |= dense(generator, f"{block}/ffn_1/intermediate/output/dense", between, width)
        variables |= norm(generator, f"{block}/LayerNorm_1", width)
        variables |= dense(generator, "bert/pooler/dense", width, width)
        variables |= pretraining_heads(generator, width, table, config["vocab_size"])
        variables = nearer_to_nothing(variables, shrink)
        write_checkpoint(folder / prefix, with_optimizer(variables))
        (folder / "albert_config.json").write_text(json.dumps(config), encoding="utf8")
        (folder / "30k-clean.model").write_bytes(model)
        (folder / "30k-clean.vocab").write_text("not needed\n", encoding="utf8")
        return Release(folder, config, variables)

    return release
