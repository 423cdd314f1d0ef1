"""Words a second: `python -m benchmarks.speed --encoder base-random --data ABSTRACTS.PubTator.txt`.

One process measures in turn, several times over, and takes each system's best: spacy-transformers with
spaCy's `ner`; transformers' pipeline at its best batch size; spaCy's CNN; and this package in each precision
and form. Weights on top are random but for `--model`, a trained pipeline whose entities are compared with
those in float32. Words are the tokens of this package's tokenizer, for all. Load time and peak memory are
those of processes of their own.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example
from spacy.training.batchers import minibatch_by_padded_size
from spacy.util import load_config, load_model_from_config

from benchmarks.common import ROOT, best_of, save, stock_transformer
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.documents.formats import pubtator
from spacy_bioner.encoders.encoder_catalogue import resolve_encoder

Find = Callable[[list[str]], int]
PRECISIONS = ("float32", "bfloat16")
FORMS = ("ONNX float32", "ONNX int8")
STOCK = "spacy-transformers + ner"
PIPELINE = "transformers' pipeline"
CNN = "spaCy's CNN ner"
BATCH_SIZES = (1, 8, 32)
RANDOM = {"base-random": (12, 768), "6x384-random": (6, 384), "4x256-random": (4, 256)}  # layers, width
HEAD = 64  # numbers a head of attention
LENGTHS = (20, 200, 2000, 20_000)  # words
COMPARED = 500  # texts in which entities are compared, and that long ones are made of


def read_texts(path: Path, limit: int) -> list[str]:
    """The texts of a .spacy or PubTator file."""
    if path.suffix == ".spacy":
        found: Iterable[str] = (doc.text for doc in read_docbin(path))
    else:
        found = (document.text for document in pubtator.read(path))
    return list(islice(found, limit))


def random_encoder(folder: Path, texts: list[str], layers: int, width: int) -> Path:
    """A BERT with random weights, and word pieces trained on the texts."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    pieces = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
    pieces.train_from_iterator(texts, vocab_size=30_000, show_progress=False)
    pieces.save_model(str(folder))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False, model_max_length=512)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": layers, "hidden_size": width, "intermediate_size": 4 * width}
    config = BertConfig(vocab_size=len(tokenizer), num_attention_heads=width // HEAD, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


def untrained(config: str, encoder: Path | None, architecture: str = "") -> Language:
    """A pipeline of one of the project's configs, initialized and not trained."""
    loaded = load_config(ROOT / "configs" / f"{config}.cfg", interpolate=False)
    for section in ("corpora", "training", "initialize"):
        del loaded[section]
    if encoder is not None:
        loaded["paths"]["encoder"] = str(encoder)
    if architecture == "stock":
        loaded["components"]["transformer"]["model"] = stock_transformer(str(encoder))
        loaded["components"]["transformer"]["max_batch_items"] = 4096
    nlp = load_model_from_config(loaded, auto_fill=True)
    reference = nlp.make_doc("aspirin for pain in mice")
    reference.set_ents([Span(reference, 0, 1, "Chemical"), Span(reference, 2, 3, "Disease")])
    set_annotation(reference, Annotation("", ("Chemical", "Disease")))
    nlp.initialize(lambda: [Example(nlp.make_doc(reference.text), reference)])
    return nlp


def make_systems(folder: Path, encoder: Path, forms: Iterable[str]) -> dict[str, str]:
    """Writes every system to a folder; returns where each is."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    from spacy_bioner.training.onnx_export import to_onnx

    places = {}

    def keep(name: str, nlp: Language) -> None:
        places[name] = str(folder / name.replace(" ", "-"))
        nlp.to_disk(places[name])

    keep(STOCK, untrained("ner_trf", encoder, "stock"))
    keep(CNN, untrained("ner_cnn", None))
    keep("bioner", untrained("bioner_trf", encoder))
    for form in forms:
        keep(form, to_onnx(spacy.load(places["bioner"]), form.removeprefix("ONNX ")))
    places[PIPELINE] = str(folder / "pipeline")
    AutoModelForTokenClassification.from_pretrained(encoder, num_labels=5).save_pretrained(places[PIPELINE])
    AutoTokenizer.from_pretrained(encoder).save_pretrained(places[PIPELINE])
    return places


def load(name: str, places: dict[str, str], gpu_id: int) -> dict[str, Find]:
    """Loads a system: what finds entities in texts and says how many; several at other batch sizes."""
    if name == PIPELINE:
        import transformers

        transformers.logging.set_verbosity_error()
        pipe = transformers.pipeline(
            "token-classification", places[name], aggregation_strategy="simple", device=gpu_id
        )
        return {
            f"{name}, batches of {size}": lambda texts, size=size: sum(  # type: ignore[misc]
                map(len, pipe(texts, batch_size=size))
            )
            for size in BATCH_SIZES
        }
    settings = {}
    place = places.get(name, places["bioner"])
    if name in PRECISIONS or name == "float16":
        settings = {"components.transformer.model.precision": name}
    nlp = spacy.load(place, config=settings)
    return {name: lambda texts: sum(len(doc.ents) for doc in nlp.pipe(texts))}


def matrix_rate(dtype: torch.dtype, device: str) -> float:
    """GFLOP/s of a matrix product of the size that BERT-base has at 4,096 word pieces."""
    a, b = (torch.randn(shape, device=device).to(dtype) for shape in ((4096, 768), (768, 3072)))
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        a @ b
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * 4096 * 768 * 3072 / best / 1e9


def gflop(places: dict[str, str], texts: list[str]) -> tuple[int, float]:
    """How many word pieces texts have, and the GFLOP of the matrix products that one pass over them takes."""
    nlp = spacy.load(places["bioner"])
    layer: Any = nlp.get_pipe("transformer").model  # type: ignore[attr-defined]
    sizes = layer.transformer.config
    pieces, total = 0, 0.0
    for windows in layer.predict([nlp.make_doc(text) for text in texts]).doc_data:
        for length in windows.wordpieces.lengths:
            weights = 4 * sizes.hidden_size**2 + 2 * sizes.hidden_size * sizes.intermediate_size
            products = weights * length + 2 * sizes.hidden_size * length**2
            pieces += length
            total += 2 * sizes.num_hidden_layers * products / 1e9
    return pieces, total


def alone(name: str, places: dict[str, str], data: Path, gpu_id: int) -> dict[str, float]:
    """Load time in seconds and peak memory in MB of a system in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed", "--data", str(data), "--gpu-id", str(gpu_id)]
    command += ["--alone", name, "--places", json.dumps(places)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def run_alone(name: str, places: dict[str, str], texts: list[str], gpu_id: int) -> None:
    """The other side of `alone`: prints what it measured."""
    start = time.perf_counter()
    find = next(iter(load(name, places, gpu_id).values()))
    seconds = time.perf_counter() - start
    find(texts)
    # the highest of this process since it began; getrusage counts what it was forked from as well
    status = Path("/proc/self/status").read_text(encoding="utf8")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"load_seconds": round(seconds, 2), "peak_memory_mb": round(peak)}))


def agreement(model: str, texts: list[str], forms: Iterable[str]) -> dict[str, float]:
    """The share of a trained pipeline's entities that are as in float32, in each precision and form."""
    from spacy_bioner.training.onnx_export import to_onnx

    def entities(nlp: Language) -> set[tuple[int, int, int, str]]:
        docs = enumerate(nlp.pipe(texts))
        return {(i, ent.start_char, ent.end_char, ent.label_) for i, doc in docs for ent in doc.ents}

    def at(precision: str) -> Language:
        return spacy.load(model, config={"components.transformer.model.precision": precision})

    expected = entities(at("float32"))
    shares = {}
    for name in ("bfloat16", "float16", *forms):
        nlp = (
            at(name)
            if name in ("bfloat16", "float16")
            else to_onnx(at("float32"), name.removeprefix("ONNX "))
        )
        found = entities(nlp)
        shares[name] = round(len(found & expected) / max(1, len(found | expected)), 5)
    return shares


def by_length(nlp: Language, texts: list[str], lengths: Iterable[int]) -> Iterator[tuple[str, float]]:
    """Words a second of a pipeline on documents of so many words."""
    words = [word for text in texts for word in text.split()]
    for length in lengths:
        whole = min(len(words) // length, max(1, 20_000 // length))
        documents = [" ".join(words[k * length : (k + 1) * length]) for k in range(whole)]
        if not documents:
            continue
        tokens = sum(map(len, map(nlp.make_doc, documents)))
        yield str(length), round(tokens / best_of(2, piped(nlp, documents))[0])


def piped(nlp: Language, texts: list[str], **how: Any) -> Callable[[], object]:
    """What runs a pipeline over texts, to be timed."""
    return lambda: sum(len(doc.ents) for doc in nlp.pipe(texts, **how))


def made_up_examples(nlp: Language, texts: list[str]) -> list[Example]:
    """Sentences of 30 words with an entity every ten, to be trained on."""
    words = [word for text in texts for word in text.split()]
    examples = []
    for start in range(0, len(words) - 30, 30):
        reference = nlp.make_doc(" ".join(words[start : start + 30]))
        reference.set_ents([Span(reference, i, i + 1, "Disease") for i in range(0, len(reference), 10)])
        set_annotation(reference, Annotation("", ("Chemical", "Disease")))
        examples.append(Example(with_same_tokens(reference), reference))
    return examples


def training_rates(places: dict[str, str], texts: list[str], updates: int) -> dict[str, int]:
    """Words a second in training on batches of about 1,000 words: ours, stock, and a plain loop of torch."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    rates: dict[str, int] = {}
    pipelines = {STOCK: spacy.load(places[STOCK]), "this package": spacy.load(places["bioner"])}
    batches = {
        name: list(islice(minibatch_by_padded_size(made_up_examples(nlp, texts), 1000), updates + 2))
        for name, nlp in pipelines.items()
    }
    tokenizer = AutoTokenizer.from_pretrained(places[PIPELINE])
    plain = AutoModelForTokenClassification.from_pretrained(places[PIPELINE])
    plain.to("cuda" if torch.cuda.is_available() else "cpu").train()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-5)

    def plain_update(batch: list[Example]) -> None:
        encoded = tokenizer([eg.text for eg in batch], padding=True, return_tensors="pt").to(plain.device)
        plain(**encoded, labels=torch.zeros_like(encoded["input_ids"])).loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    def measure(name: str, own: list[list[Example]], update: Callable[[list[Example]], object]) -> None:
        for batch in own[:2]:
            update(batch)
        start = time.perf_counter()
        for batch in own[2:]:
            update(batch)
        seconds = time.perf_counter() - start
        words = sum(len(eg.predicted) for batch in own[2:] for eg in batch)
        rates[name] = max(rates.get(name, 0), round(words / seconds))

    optimizers = {name: nlp.resume_training() for name, nlp in pipelines.items()}
    for sgd in optimizers.values():
        sgd.learn_rate = 1e-5

    def updater(name: str) -> Callable[[list[Example]], object]:
        return lambda batch: pipelines[name].update(batch, sgd=optimizers[name])

    for _ in range(2):
        for name in pipelines:
            measure(name, batches[name], updater(name))
        measure("transformers, a plain loop", batches[STOCK], plain_update)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--encoder", default="base-random", help=f"one of {', '.join(RANDOM)}, or a name of the catalogue"
    )
    parser.add_argument("--data", type=Path, required=True, help="a .spacy or PubTator file")
    parser.add_argument("--model", help="a trained pipeline, to compare entities in each precision")
    parser.add_argument("--limit", type=int, default=100, help="texts that are used")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=10, help="of the training that is timed")
    parser.add_argument("--gpu-id", type=int, default=-1)
    parser.add_argument("--training", action="store_true", help="time the training alone")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--places", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    if arguments.gpu_id >= 0:
        spacy.require_gpu(arguments.gpu_id)
    texts = read_texts(arguments.data, arguments.limit)
    if arguments.alone:
        run_alone(arguments.alone, json.loads(arguments.places), texts, arguments.gpu_id)
        return
    device = "cpu" if arguments.gpu_id < 0 else f"cuda:{arguments.gpu_id}"
    forms = FORMS if arguments.gpu_id < 0 else ()
    suffix = "" if arguments.gpu_id < 0 else "_gpu"
    words = sum(map(len, map(untrained("ner_cnn", None).make_doc, texts)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.encoder in RANDOM:
            (folder / "encoder").mkdir()
            encoder = random_encoder(
                folder / "encoder", read_texts(arguments.data, 1000), *RANDOM[arguments.encoder]
            )
        else:
            encoder = resolve_encoder(arguments.encoder).folder
        places = make_systems(folder, encoder, () if arguments.training else forms)
        if arguments.training:
            rates = training_rates(places, texts, arguments.updates)
            save(f"training_{arguments.encoder}{suffix}", {"words_per_second": rates})
            return
        names = [STOCK, PIPELINE, CNN, *PRECISIONS, *(["float16"] if arguments.gpu_id >= 0 else forms)]
        systems = {key: find for name in names for key, find in load(name, places, arguments.gpu_id).items()}
        best = dict.fromkeys(systems, float("inf"))
        single = dict.fromkeys(systems, float("inf"))
        for find in systems.values():
            find(texts[:4])
        for _ in range(arguments.rounds):
            for name, find in systems.items():
                start = time.perf_counter()
                find(texts)
                best[name] = min(best[name], time.perf_counter() - start)
                start = time.perf_counter()
                for text in texts[:10]:
                    find([text])
                single[name] = min(single[name], time.perf_counter() - start)
        rates = {name: round(words / seconds) for name, seconds in best.items()}
        pieces, work = gflop(places, texts)
        result: dict[str, Any] = {
            "encoder": arguments.encoder,
            "data": arguments.data.name,
            "texts": len(texts),
            "words": words,
            "word_pieces": pieces,
            "device": device if arguments.gpu_id < 0 else torch.cuda.get_device_name(arguments.gpu_id),
            "threads": torch.get_num_threads(),
            "words_per_second": rates,
            "times_stock": {name: round(rate / rates[STOCK], 2) for name, rate in rates.items()},
            "milliseconds_a_single_text": {name: round(100 * s, 1) for name, s in single.items()},
            "gflops_bfloat16": round(matrix_rate(torch.bfloat16, device)),
            "gflops_float32": round(matrix_rate(torch.float32, device)),
            "gflops_of_pipelines": {name: round(work / best[name]) for name in PRECISIONS},
        }
        print(json.dumps(result, indent=2), flush=True)
        result["alone"] = {name: alone(name, places, arguments.data, arguments.gpu_id) for name in names}
        fast = spacy.load(places["bioner"])
        result["words_per_second_by_length"] = dict(
            by_length(fast, read_texts(arguments.data, COMPARED), LENGTHS)
        )
        for key, values in (("batch_size", (1, 8, 64, 256)), ("n_process", (1, 2))):
            ways = {str(value): piped(fast, texts, **{key: value}) for value in values}
            result[f"words_per_second_by_{key}"] = {
                value: round(words / seconds)
                for value, seconds in zip(ways, best_of(2, *ways.values()), strict=True)
            }
        result["training_words_per_second"] = training_rates(places, texts, arguments.updates)
    if arguments.model:
        result["same_entities_as_float32"] = agreement(
            arguments.model, read_texts(arguments.data, COMPARED), forms
        )
    save(f"speed_{arguments.encoder}{suffix}", result)


if __name__ == "__main__":
    main()
