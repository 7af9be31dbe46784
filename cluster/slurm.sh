#!/usr/bin/env bash
# One run under Slurm, Ray on every node of the allocation: sbatch cluster/slurm.sh RECIPE [key=value ...]
# Submit it in the project's root, on a file system that all nodes share.
#SBATCH --job-name=rayboot
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --requeue
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# Starts Ray everywhere, runs the command on the head node, and stops Ray. A requeued job goes on where it stopped.
srun .venv/bin/ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_JOB_NUM_NODES" -- \
    .venv/bin/rayboot run "$@" --resume
