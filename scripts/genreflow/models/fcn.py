"""The fully convolutional tagger, which was trained to tag songs.

Its names of weights are those of the published files, which hold the window and the mel bands, too.
"""

import torch
from torch import nn

RATE = 16000
# The samples that it takes at once: 29 s.
LENGTH = 29 * RATE
N_VALUES = 64
N_TAGS = 50

N_FFT = 512
HOP = 256
N_MELS = 96


class FCN(nn.Module):
    """Five convolutions over a mel spectrogram, pooled to a single place [#]_ [#]_.

    .. [#] Choi, K., Fazekas, G., and Sandler, M. "Automatic tagging using deep convolutional neural
        networks." ISMIR (2016).
    .. [#] Won, M., Ferraro, A., Bogdanov, D., and Serra, X. "Evaluation of CNN-based automatic
        music tagging models." SMC (2020). Source of the weights:
        github.com/minzwon/sota-music-tagging-models.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spec = _MelSpectrogram()
        self.spec_bn = nn.BatchNorm2d(1)
        self.layer1 = _Layer(1, 64, (2, 4))
        self.layer2 = _Layer(64, 128, (2, 4))
        self.layer3 = _Layer(128, 128, (2, 4))
        self.layer4 = _Layer(128, 128, (3, 5))
        self.layer5 = _Layer(128, N_VALUES, (4, 4))
        self.dense = nn.Linear(N_VALUES, N_TAGS)

    def embed(self, y: torch.Tensor) -> torch.Tensor:
        """What the network makes of sound, before it decides on tags.

        Parameters
        ----------
        y : torch.Tensor [shape=(n, LENGTH), dtype=float32]
            audio at 16 kHz

        Returns
        -------
        torch.Tensor [shape=(n, N_VALUES), dtype=float32]
            at least 0
        """
        x = self.spec_bn(self.spec(y).unsqueeze(1))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4, self.layer5):
            x = layer(x)
        return x.flatten(1)

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """Probabilities of the tags.

        Parameters
        ----------
        y : torch.Tensor [shape=(n, LENGTH), dtype=float32]
            audio at 16 kHz

        Returns
        -------
        torch.Tensor [shape=(n, N_TAGS), dtype=float32]
            in 0..1
        """
        return torch.sigmoid(self.dense(self.embed(y)))


class _MelSpectrogram(nn.Module):
    """Power in mel bands, in decibel: torchaudio's, with its defaults."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram, self.mel_scale = nn.Module(), nn.Module()
        self.spectrogram.register_buffer("window", torch.hann_window(N_FFT))
        self.mel_scale.register_buffer("fb", torch.zeros(1 + N_FFT // 2, N_MELS))

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """(n, LENGTH) to (n, N_MELS, 1 + LENGTH // HOP)."""
        window = self.spectrogram.window
        spectrum = torch.stft(y, N_FFT, HOP, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        mel = torch.matmul(self.mel_scale.fb.T, power)
        return 10 * mel.clamp(min=1e-10).log10()


class _Layer(nn.Module):
    def __init__(self, n_inputs: int, n_outputs: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_inputs, n_outputs, 3, padding=1)
        self.bn = nn.BatchNorm2d(n_outputs)
        self.pool = nn.MaxPool2d(pool)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(torch.relu_(self.bn(self.conv(x))))
