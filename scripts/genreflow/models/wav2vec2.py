"""wav2vec 2.0 on waveforms, with a head of our own.

Baevski, Zhou, Mohamed, Auli, "wav2vec 2.0: a framework for self-supervised learning of speech
representations", NeurIPS 2020. The network is that of transformers.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from genreflow.errors import GenreflowError, SetupError, closest
from genreflow.models.networks import feed_forward
from genreflow.models.pretrained import load_state, read_state
from genreflow.weights import file_of

# The names in transformers' config on which weights, and what is made of them, depend.
ARCHITECTURE = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("hidden_act", "layer_norm_eps", "do_stable_layer_norm", "conv_dim", "conv_stride"),
    *("conv_kernel", "conv_bias", "feat_extract_norm", "feat_extract_activation"),
    *("num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "add_adapter"),
)

# What facebook/wav2vec2-base drops. Its masks in time would be drawn by NumPy's generator, which
# no seed of ours reaches: there are none.
TRAINING = {
    "activation_dropout": 0.0,
    "attention_dropout": 0.1,
    "hidden_dropout": 0.1,
    "feat_proj_dropout": 0.1,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
}

# Names of the weights of a normalised convolution before PyTorch 2.0, and since.
RENAMED = {"weight_g": "parametrizations.weight.original0"}
RENAMED["weight_v"] = "parametrizations.weight.original1"

# The vector that stands for masked frames: only training with masks uses it.
MASK = "masked_spec_embed"


class Wav2Vec2(nn.Module):
    """wav2vec 2.0, the mean of its frames, and a head; `wav2vec2` makes it.

    Attributes
    ----------
    head : tuple of str
        the layers that are new for our labels
    """

    head = ("classifier",)

    def __init__(self, encoder: Wav2Vec2Model, classifier: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = classifier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of waveforms [shape=(n, samples)] at 16 kHz, of any scale."""
        return self.classifier(mean_of_frames(self.encoder, x))

    def load_pretrained(self, path: str) -> None:
        """Load the encoder from a folder; see `load_encoder`."""
        load_encoder(self.encoder, path)


def wav2vec2(
    inputs: Any,
    n_outputs: int,
    *,
    head_layers: Sequence[int | str | Mapping[str, float]] = (),
    freeze_feature_encoder: bool = True,
    config: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Make wav2vec 2.0, with a head of its own for our labels.

    Parameters
    ----------
    inputs : tuple of tuple of int
        the shape of waveforms: ``((samples,),)``, at 16 kHz
    n_outputs : int > 0
    head_layers : sequence
        what stands between the mean over time and the output, as in
        `genreflow.models.networks.feed_forward`
    freeze_feature_encoder : bool
        whether the convolutions that read the waveform stay as they are, as is usual
    config : mapping or None
        where the architecture differs from the base model's: names of `ARCHITECTURE`, as in
        transformers' ``Wav2Vec2Config``

    Returns
    -------
    torch.nn.Module
        takes float32 waveforms, gives logits. Its ``load_pretrained`` takes the folder of a
        published model

    Raises
    ------
    GenreflowError
        if the inputs are no such waveforms, or a parameter cannot be used
    """
    encoder = make_encoder(config or {})
    least = _least_samples(encoder.config)
    match inputs:
        case ((int() as samples,),) if samples >= least:
            pass
        case _:
            raise GenreflowError(
                f"wav2vec2 takes one feature set, of waveforms (samples,) of at least {least} "
                f"samples at 16 kHz; it was given {inputs!r}"
            )
    if freeze_feature_encoder:
        encoder.freeze_feature_encoder()
    return Wav2Vec2(
        encoder, feed_forward(encoder.config.hidden_size, n_outputs, layers=head_layers)
    )


def make_encoder(config: Mapping[str, Any]) -> Wav2Vec2Model:
    """Make transformers' model with first weights of its own.

    Parameters
    ----------
    config : mapping
        where the architecture differs from the base model's

    Returns
    -------
    transformers.Wav2Vec2Model
        draws from torch's global generator alone, in training too

    Raises
    ------
    GenreflowError
        if the config has another key than `ARCHITECTURE`, or cannot be used
    """
    for name in config:
        if name not in ARCHITECTURE:
            raise GenreflowError(
                f"config: {name!r} is no part of the architecture{closest(name, ARCHITECTURE)}"
            )
    try:
        return Wav2Vec2Model(Wav2Vec2Config(**config, **TRAINING))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise GenreflowError(f"config: {dict(config)} cannot be used: {reason}") from error


def load_encoder(encoder: Wav2Vec2Model, folder: str | Path) -> None:
    """Put the weights of a published model into the encoder.

    Parameters
    ----------
    encoder : transformers.Wav2Vec2Model
    folder : str or Path
        as transformers' ``save_pretrained`` or the hub's cache has it: config.json beside
        model.safetensors or pytorch_model.bin, of the model alone or of one that holds it, such
        as ``Wav2Vec2ForPreTraining``

    Raises
    ------
    SetupError
        if a file is missing, or the model is of another architecture
    """
    published = read_config(folder)
    own = encoder.config
    other = [name for name in ARCHITECTURE if _plain(own, name) != _plain(published, name)]
    if other:
        told = ", ".join(
            f"{name} is {_plain(published, name)!r}, not {_plain(own, name)!r}" for name in other
        )
        raise SetupError(
            f"{folder} holds a model of another architecture: {told}. Name these values under "
            "module_parameters: config"
        )
    file = file_of(folder)
    state = {_current(name): value for name, value in read_state(file).items()}
    if any(name.startswith("wav2vec2.") for name in state):
        state = {
            name.removeprefix("wav2vec2."): value
            for name, value in state.items()
            if name.startswith("wav2vec2.")
        }
    load_state(encoder, state, str(file), without=[MASK])


def read_config(folder: str | Path) -> Wav2Vec2Config:
    """Read the config of a published model.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    transformers.Wav2Vec2Config

    Raises
    ------
    SetupError
        if there is none, or it is that of another kind of model
    """
    file = Path(folder) / "config.json"
    if not file.is_file():
        raise SetupError(f"{folder}: there is no config.json; expected the folder of a model")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        kind = values.get("model_type")
        published = Wav2Vec2Config.from_dict(values)
    except Exception as error:
        raise SetupError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if kind != "wav2vec2":
        raise SetupError(f"{file}: a model of type {kind!r}, not 'wav2vec2'")
    return published


def mean_of_frames(encoder: Wav2Vec2Model, x: torch.Tensor) -> torch.Tensor:
    """What the encoder makes of waveforms, as the mean over time.

    Each waveform is first brought to mean 0 and variance 1, as transformers'
    ``Wav2Vec2FeatureExtractor`` does.

    Parameters
    ----------
    encoder : transformers.Wav2Vec2Model
    x : torch.Tensor [shape=(n, samples), dtype=float32]
        at 16 kHz

    Returns
    -------
    torch.Tensor [shape=(n, hidden_size)]
    """
    variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
    normal = (x - mean) / torch.sqrt(variance + 1e-7)
    return encoder(normal).last_hidden_state.mean(dim=1)


def _least_samples(config: Wav2Vec2Config) -> int:
    """Samples from which the convolutions make one frame."""
    samples = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def _plain(config: Wav2Vec2Config, name: str) -> Any:
    """A value as JSON has it, where there are no tuples."""
    value = getattr(config, name)
    return list(value) if isinstance(value, tuple) else value


def _current(name: str) -> str:
    """A weight's name, as PyTorch has it today."""
    stem, _, last = name.rpartition(".")
    return f"{stem}.{RENAMED[last]}" if last in RENAMED else name
