"""VGGish, which was trained to tell what is heard in videos.

Its names of weights are those of the usual port to PyTorch, github.com/harritaylor/torchvggish.
"""

import torch
from torch import nn

# An example: 96 frames of 10 ms, in 64 mel bands.
N_FRAMES = 96
N_MELS = 64
N_VALUES = 128


class VGGish(nn.Module):
    """Six convolutions and three dense layers over 0.96 s of a log mel spectrogram [#]_ [#]_.

    The last layer has no activation, as in the published definition; the port puts a ReLU there,
    and, where it is not told otherwise, whitens the result and rounds it to 8 bits.

    .. [#] Hershey, S., et al. "CNN architectures for large-scale audio classification." ICASSP
        (2017).
    .. [#] github.com/tensorflow/models, research/audioset/vggish: vggish_slim.py.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(1, 64),
            nn.MaxPool2d(2),
            *_convolution(64, 128),
            nn.MaxPool2d(2),
            *_convolution(128, 256),
            *_convolution(256, 256),
            nn.MaxPool2d(2),
            *_convolution(256, 512),
            *_convolution(512, 512),
            nn.MaxPool2d(2),
        )
        self.embeddings = nn.Sequential(
            nn.Linear(512 * (N_FRAMES // 16) * (N_MELS // 16), 4096),
            nn.ReLU(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, N_VALUES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embed examples.

        Parameters
        ----------
        x : torch.Tensor [shape=(n, N_FRAMES, N_MELS), dtype=float32]
            log mel spectrograms

        Returns
        -------
        torch.Tensor [shape=(n, N_VALUES), dtype=float32]
        """
        x = self.features(x.unsqueeze(1))
        # The weights were trained on maps whose channels come last.
        return self.embeddings(x.permute(0, 2, 3, 1).flatten(1))


def _convolution(n_inputs: int, n_outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(n_inputs, n_outputs, 3, padding=1), nn.ReLU()
