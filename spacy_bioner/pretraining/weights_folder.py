"""The weights that a run of pretraining writes, with their tokenizer and how they were made."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import BertForMaskedLM, BertTokenizerFast

import spacy_bioner
from spacy_bioner.errors import PretrainingError
from spacy_bioner.files import Outputs, write_json
from spacy_bioner.models.precision import has_bfloat16
from spacy_bioner.pretraining.bert import HEADER, bert_config
from spacy_bioner.pretraining.packed_pieces import Packed
from spacy_bioner.pretraining.pretraining_settings import Settings
from spacy_bioner.pretraining.schedule import Progress
from spacy_bioner.pretraining.text_files import RECORD


def write_weights(
    folder: Path,
    model: BertForMaskedLM,
    settings: Settings,
    packed: Packed,
    vocabulary: Path,
    record: Mapping[str, Any],
) -> None:
    """Writes a model in 16 bits.

    Args:
        folder: the folder to make.
        model: the model.
        settings: those of the run.
        packed: the text that it learns from.
        vocabulary: the folder that has its tokenizer.
        record: how it was made, see `make_record`.

    Raises:
        PretrainingError: if a weight is too large for 16 bits.
    """
    copied = BertForMaskedLM(bert_config(settings, packed, dropout=0.1))
    copied.load_state_dict(model.state_dict())
    copied.half()
    if not all(torch.isfinite(parameter).all() for parameter in copied.parameters()):
        raise PretrainingError("A weight is too large for 16 bits: train with a lower learning_rate. [B531]")
    tokenizer = BertTokenizerFast.from_pretrained(vocabulary, local_files_only=True)
    tokenizer.model_max_length = settings.positions
    with Outputs() as outputs:
        temporary = outputs.temporary(folder, folder=True)
        limit = settings.shard_mib * (1 << 20) - HEADER
        copied.save_pretrained(temporary, safe_serialization=True, max_shard_size=limit)
        tokenizer.save_pretrained(temporary)
        # which transformers 5 leaves out, and a run that begins with these weights reads
        (temporary / "vocab.txt").write_text(
            "".join(f"{piece}\n" for piece in packed.vocabulary), encoding="utf8"
        )
        for file in temporary.glob("*.safetensors"):
            file.chmod(0o644)  # safetensors leaves them to their owner alone
        write_json(temporary / RECORD, record)


def make_record(
    model: BertForMaskedLM,
    settings: Settings,
    progress: Progress,
    packed: Packed,
    curve: list[dict[str, float]],
    device: torch.device,
) -> dict[str, Any]:
    """How the weights of a model were made, as far as a run has come.

    Args:
        model: the model, for the number of its parameters.
        settings: the settings of the run.
        progress: how many updates, word pieces and seconds it has come.
        packed: the text that it learns from.
        curve: what was measured on held-out text so far, a point each.
        device: what it is trained on.
    """
    return {
        "format": 1,
        "finished": progress.share(settings) >= 1.0,
        "settings": asdict(settings),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "step": progress.step,
        "pieces": progress.pieces,
        "epochs": round(progress.pieces / max(1, len(packed.training)), 3),
        "seconds": round(progress.seconds, 1),
        "hardware": _hardware(device),
        "precision": "bfloat16 autocast" if has_bfloat16(device) else "float32",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "spacy-bioner": spacy_bioner.__version__,
        },
        "data": {key: value for key, value in packed.manifest.items() if key != "format"},
        "curve": curve,
    }


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
