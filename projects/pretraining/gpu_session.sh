#!/usr/bin/env bash
# An encoder, a teacher and a student in a quarter of an hour of a GPU, on a machine without network.
#
#   gpu_session.sh STEP WORK OUT        one step: pretrain, teacher, distill, speed
#
# WORK holds what was carried there and what the steps make:
#   packed/            word pieces, as `spacy bioner pretrain-pack` makes them (parts may come one after the other)
#   start/             weights that pretraining begins with (config, vocab.txt, model.safetensors); may be missing
#   corpus/NAME/{train,devel,test}.spacy   corpora for teacher and student
#   text.jsonl         unlabelled text for the teacher: a JSON object with "text" a line
# OUT gets what is to be brought back after each step, no file over 16 MiB.
#
# `pretrain` needs PyTorch and transformers alone; the others need this package installed. Variables:
#   DEVICE (cuda), PRETRAIN_MINUTES (5), TEACHER_MINUTES (3), STEPS (4000), STUDENT, TEACHER (settings of the models)
set -euo pipefail
step=${1:?"usage: gpu_session.sh STEP WORK OUT"} work=$(realpath "${2:?}") out=$(realpath -m "${3:?}")
device=${DEVICE:-cuda}
[ "$device" = cuda ] && gpu=0 || gpu=-1
student=${STUDENT:-"layers=6 width=384 heads=12 neighbours=0 batch=32768 learning_rate=1e-3"}
teacher=${TEACHER:-"layers=12 width=768 heads=12 batch=32768 learning_rate=4e-4"}
export TOKENIZERS_PARALLELISM=false
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"

pretrain() { # NAME MINUTES SETTINGS [START]: goes on with a run that was stopped
  local start=()
  [ -n "${4:-}" ] && [ -d "$4" ] && start=(--start-from "$4")
  (cd "$here" && python -m spacy_bioner.pretraining.masked_lm "$work/packed" "$work/$1" --device "$device" \
    --minutes "$2" --settings "$3" "${start[@]}")
  rm -rf "${out:?}/$1"
  mkdir -p "$out/$1"
  cp "$work/$1/curve.json" "$out/$1/"
  # the weights come back in pieces: cat NAME/weights.* >model.safetensors puts them together
  split -b 15M -d "$work/$1/model/model.safetensors" "$out/$1/weights."
  tar -C "$work/$1/model" --exclude '*.safetensors' -czf "$out/$1/rest.tar.gz" .
}

tune() { # NAME ENCODER ARGUMENTS...: every corpus at once
  local name=$1 encoder=$2
  shift 2
  local train=() dev=()
  for corpus in "$work"/corpus/*/; do
    train+=(--train "$corpus/train.spacy")
    dev+=(--dev "$corpus/devel.spacy")
  done
  (cd "$here" && python -m spacy bioner "$@" configs/multitask_trf.cfg "$work/$name" "${train[@]}" "${dev[@]}" \
    --encoder "$encoder" --gpu-id "$gpu" --training.max_steps "${STEPS:-4000}" --training.eval_frequency 1000)
  for corpus in "$work"/corpus/*/; do
    python -m spacy bioner evaluate "$work/$name/model-best" "$corpus/devel.spacy" --gpu-id "$gpu" \
      --output "$out/$name-$(basename "$corpus").json"
  done
}

case $step in
  pretrain) pretrain encoder "${PRETRAIN_MINUTES:-5}" "$student" "$work/start" ;;
  teacher)
    pretrain teacher-encoder "${TEACHER_MINUTES:-3}" "$teacher"
    tune teacher "$work/teacher-encoder/model" train
    ;;
  distill)
    tune alone "$work/encoder/model" train
    tune student "$work/encoder/model" distill "$work/teacher/model-best" --text "$work/text.jsonl"
    rm -f "$out"/student.tar.gz.*
    tar -C "$work/student" -czf - model-best | split -b 15M -d - "$out/student.tar.gz."
    ;;
  speed) (cd "$here" && python -m benchmarks.speed --encoder base-random --data "$work/corpus/BC5CDR/test.spacy" --gpu-id "$gpu" | tee "$out/speed.txt") ;;
  *) echo "STEP is pretrain, teacher, distill or speed"; exit 1 ;;
esac
