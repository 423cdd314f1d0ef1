"""Training a pipeline, and recording how it was made (`spacy bioner train`)."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.cli._util import show_validation_error
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import load_config_from_str

from spacy_bioner.components.pipelines import bioners
from spacy_bioner.components.truncation import Cut, count_cut
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.errors import PipelineError, told
from spacy_bioner.evaluation.leakage import shared_sentences
from spacy_bioner.files import Outputs
from spacy_bioner.models.devices import use_device
from spacy_bioner.terminal import msg
from spacy_bioner.training.card import README, make_card
from spacy_bioner.training.checkpoint import read_identity
from spacy_bioner.training.finishing import calibrate, make_portable, tune
from spacy_bioner.training.plan import TrainingPlan, make_plan
from spacy_bioner.training.record import describe_pipeline, make_record
from spacy_bioner.training.updates import BEST, CHECKPOINT, LAST, run_updates

MODELS = (BEST, LAST)


def train(
    config_path: Path,
    output: Path,
    *,
    train: Sequence[Path],
    dev: Sequence[Path],
    own_heads: Collection[str] = (),
    start_from: Path | None = None,
    keep_types: bool = False,
    encoder: str = "",
    revision: str = "",
    assets: Path = Path("assets"),
    name: str = "",
    pipeline_version: str = "0.1.0",
    gpu_id: int = -1,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    answers: Path | None = None,
    mix: float = 0.5,
) -> Path:
    """Trains a pipeline as `spacy train` does, and finishes what that writes.

    The run is in OUTPUT.run until it is complete: a training that was stopped goes on with the same call.
    Interrupted (Ctrl-C), it finishes the best pipeline so far.

    Args:
        config_path: the config.
        output: the folder to make, with model-best and model-last. It appears when all is complete, in place
            of one that an earlier training made.
        train, dev: the .spacy files to train and to choose on, or folders of them. Where they are from
            several corpora, a `bioner` component gets one head for each common name of their types.
        own_heads: corpora whose types get heads of their own all the same: "Gene_BC2GM".
        start_from: the folder or package of a trained pipeline whose encoder the new one takes over, and
            whose heads of the same types it begins with.
        keep_types: whether that pipeline's other types come along; they are left behind otherwise.
        encoder: the encoder's name, see `encoder_catalogue.resolve_encoder`; `mini` if empty. For a config
            whose `paths` have no `encoder`: "cnn", or empty.
        revision: the commit id of the encoder's repository on the hub.
        assets: the folder that holds encoders.
        name: the pipeline's name, without its language.
        pipeline_version: the pipeline's own version.
        gpu_id: the GPU to use; -1 for the CPU.
        seed: the seed; the config's if None.
        overrides: further settings of the config, by their dotted names.
        answers: the folder of teachers' answers to learn from beside gold, see `distillation`.
        mix: the share of the words of an epoch that are taught by these.

    Returns:
        The folder.

    Raises:
        BionerError: if the config, data or encoder can't be had; or if what comes after the training fails,
            whose pipelines are in OUTPUT.run then.
        KeyboardInterrupt: if it was stopped before its first score.
    """
    foreign = [path.name for path in output.glob("*") if path.name not in MODELS] if output.is_dir() else []
    if foreign:
        raise PipelineError(
            f"{output} holds {foreign[0]}, which no training made, and would be replaced: name another "
            "folder. [B445]"
        )
    plan = make_plan(
        config_path,
        train,
        dev,
        own_heads=own_heads,
        start_from=start_from,
        keep_types=keep_types,
        encoder=encoder,
        revision=revision,
        assets=assets,
        gpu_id=gpu_id,
        seed=seed,
        overrides=overrides or {},
        answers=answers,
        mix=mix,
    )
    shared, sentences = shared_sentences(plan.files["train"], plan.files["dev"])
    if shared:
        msg.warn(
            f"{shared:,} of {sentences:,} sentences to choose on are in the training data too, or nearly: "
            "`spacy bioner leaks` shows them"
        )
    use_device(gpu_id)
    run = output.with_name(f"{output.name}.run")
    whole = load_config_from_str(plan.config.to_str(), overrides=plan.settings, interpolate=False)
    with show_validation_error(config_path):
        nlp = init_nlp(whole, use_gpu=gpu_id)
    identity = {
        "config": whole.interpolate().to_str(),
        "data": {split: [file.to_meta() for file in described] for split, described in plan.data.items()},
        "encoder": plan.resolved.to_meta() if plan.resolved is not None else None,
        "teachers": plan.teachers,
    }
    if plan.teachers:
        _check_teachers(nlp, plan.teachers["types"])
    interrupted = _run(nlp, run, identity, gpu_id)
    try:
        with Outputs() as outputs:
            temporary = outputs.temporary(output, folder=True)
            models = [shutil.copytree(run / model, temporary / model) for model in MODELS]
            _finish_models(models, plan, name, pipeline_version, gpu_id)
    except Exception as error:  # whatever it is: the pipelines are worth more, and are kept
        raise PipelineError(
            f"The training is done, and its pipelines are in {run}; but finishing them failed "
            f"({type(error).__name__}: {told(error)}). The same command tries that again. [B446]"
        ) from error
    if interrupted:
        msg.warn(f"Interrupted: {output} is the best so far. The same command goes on with the training.")
    else:
        shutil.rmtree(run)
    return output


def _check_teachers(nlp: Language, types: Sequence[str]) -> None:
    """Tells which types teachers teach; raises PipelineError if it is none of the student's."""
    labels = [label for pipe in bioners(nlp) for label in pipe.labels]
    shared = [label for label in labels if label in types]
    if not shared:
        raise PipelineError(
            f"The teachers know {', '.join(types)}, and the student {', '.join(labels) or 'no type'}: give "
            "the student a `bioner` with types of the same names (`convert`, label_map). [B447]"
        )
    msg.info(f"Taught: {', '.join(shared)}")


def _run(nlp: Language, run: Path, identity: dict[str, Any], gpu_id: int) -> bool:
    """Makes the updates of a training, or goes on with them.

    Args:
        nlp: the pipeline, initialized.
        run: the folder of the run.
        identity: what the training depends on.
        gpu_id: the GPU to use; -1 for the CPU.

    Returns:
        Whether it was interrupted, with a first score.

    Raises:
        PipelineError: if the folder holds another training.
        KeyboardInterrupt: if it was interrupted before the first score.
    """
    earlier = read_identity(run / CHECKPOINT)
    if earlier not in (None, identity):
        different = ", ".join(part for part in identity if earlier.get(part) != identity[part])
        raise PipelineError(
            f"{run} holds a training that was stopped, and this one differs from it ({different}). Give the "
            "same command as then to go on with it, or remove the folder. [B448]"
        )
    try:
        progress = run_updates(nlp, run, identity, gpu_id)
    except KeyboardInterrupt:
        if not (run / BEST).is_dir():
            raise
        return True
    finally:
        if not (run / BEST).is_dir() and not (run / CHECKPOINT).is_dir():  # nothing to go on from
            shutil.rmtree(run, ignore_errors=True)
    if not progress.results:
        raise PipelineError("The training made no update: is every Doc longer than a batch may be? [B449]")
    if len(progress.results) > 1 and progress.results[0] == max(progress.results):
        msg.warn("The first score was the best one: the pipeline has learned nothing since. See the config.")
    return False


def _finish_models(models: Sequence[Path], plan: TrainingPlan, name: str, version: str, gpu_id: int) -> None:
    """Calibrates and tunes the pipelines of a training, and writes down how they were made."""
    cut: dict[str, Cut] = {}
    for model in models:
        nlp = spacy.load(model)
        cut = cut or {
            split: sum((count_cut(nlp, read_docbin(path, nlp.vocab)) for path in paths), Cut())
            for split, paths in plan.files.items()
        }
        fitted = calibrate(nlp, plan.files["dev"])
        thresholds = tune(nlp)
        make_portable(nlp, plan.resolved)
        record = make_record(plan.resolved, plan.source, plan.data, cut, plan.settings, gpu_id)
        if plan.keep_types:
            names = {entry["name"] for entry in record["corpora"]}
            earlier = record["started_from"].get("corpora", [])
            record["corpora"] += [entry for entry in earlier if entry["name"] not in names]
        if plan.teachers:
            record["teachers"] = plan.teachers
        record["temperature"] = fitted
        if thresholds:
            record["threshold"] = thresholds
        record["seed"] = nlp.config.interpolate()["training"]["seed"]
        describe_pipeline(nlp, record, name, version)
        nlp.to_disk(model)
        (model / README).write_text(make_card(nlp.meta), encoding="utf8")
    for split, what in cut.items():
        if what.windows:
            msg.info(f"{split}: {what}")
