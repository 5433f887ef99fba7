# The packages of requirements.txt with their hashes, and the product, for a user who is not root.
#
#   docker build -t voxdag .                              for GPUs (NVIDIA's container toolkit: docker run --gpus all) and CPUs
#   docker build -t voxdag:cpu --build-arg DEVICE=cpu .   without what only a GPU uses, 1.6 GB less; the packages are the same
#   docker run --rm -v "$PWD:/work" voxdag dvc repro      the pipeline of a checkout
#   docker run --rm -v "$PWD:/work" voxdag python -m voxdag.predict --bundle bundle recordings
#
# The user of the image has the number 1000; where you have another: docker run --user "$(id -u):$(id -g)" -e HOME=/tmp.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS packages
ARG DEVICE=cuda
# a compiler for the package pesq
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/voxdag
ENV PATH=/opt/voxdag/bin:$PATH
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
# On CPUs torch loads of CUDA what its libraries are linked to, and nothing of the rest; the import shows it.
RUN case "$DEVICE" in \
      cuda) ;; \
      cpu) pip uninstall --yes triton nvidia-cusolver nvidia-cuda-nvrtc \
           && find /opt/voxdag/lib -path '*/nvidia/cudnn/lib/libcudnn_*' -delete \
           && python -c 'import torch, torchaudio; torch.nn.Conv1d(1, 1, 3)(torch.zeros(1, 1, 9))' ;; \
      *) echo "DEVICE is $DEVICE, expected cuda or cpu" >&2; exit 1 ;; \
    esac

FROM python:${PYTHON}-slim-bookworm
# DVC asks git what is committed
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 voxdag && mkdir /work && chown voxdag /work \
    && git config --system --add safe.directory /work
COPY --from=packages /opt/voxdag /opt/voxdag
COPY models /opt/source/models
COPY voxdag /opt/source/voxdag
# in a checkout its own code comes first: `python -m` looks in the folder that it is started in
ENV PATH=/opt/voxdag/bin:$PATH PYTHONPATH=/opt/source PYTHONDONTWRITEBYTECODE=1 DVC_NO_ANALYTICS=1
USER 1000:1000
WORKDIR /work
CMD ["python", "-m", "voxdag"]
