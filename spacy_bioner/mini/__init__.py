"""The embedded encoder: a small BERT that needs no download.

Its config, vocabulary and seed are part of the package; its weights are random and made from the seed where
they are needed. It is there so that everything runs on a fresh machine; it knows nothing yet.
"""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

from spacy_bioner.files import Outputs

SEED = 2026
_FILES = ("config.json", "vocab.txt")


def unpack(folder: Path) -> Path:
    """Writes the encoder to a folder, in the layout of `transformers`, unless it is there already.

    Args:
        folder: where to write config.json, model.safetensors and the tokenizer's files.

    Returns:
        The folder.
    """
    source = Path(str(files("spacy_bioner.mini")))
    note = {
        "source": "spacy-bioner, embedded",
        "untrained": True,
        "seed": SEED,
        **{name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in _FILES},
    }
    try:
        noted = json.loads((folder / "source.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        noted = None  # not there, or not ours: written anew
    if noted == note and (folder / "model.safetensors").is_file():
        return folder
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    config = BertConfig.from_json_file(source / "config.json")
    tokenizer = BertTokenizerFast(
        str(source / "vocab.txt"),
        do_lower_case=False,
        strip_accents=False,
        model_max_length=config.max_position_embeddings,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = BertModel(config)
    with Outputs() as outputs:
        temporary = outputs.temporary(folder, folder=True)
        model.save_pretrained(temporary, safe_serialization=True)
        tokenizer.save_pretrained(temporary)
        (temporary / "source.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf8")
    return folder
