"""How the files of a dataset are read, and from when on one is refused."""

from dataclasses import dataclass

from genreflow.errors import GenreflowError


@dataclass(frozen=True)
class DecodeSettings:
    """How the files of a dataset are read, and from when on one is refused.

    Attributes
    ----------
    offset : number >= 0 [s]
        where the excerpt begins
    seconds : number > 0 [s] or None
        length of the excerpt; None takes everything to the end
    min_seconds, max_seconds : number > 0 [s]
        files whose excerpt is shorter or longer are refused
    silence_db : number < 0 [dB re full scale]
        a tenth of a second whose peak lies below is silent
    max_silent : number in (0, 1]
        share of silence from which on a file is refused
    max_clipped : number in [0, 1]
        share of samples at full scale above which a file gets a warning
    timeout : number > 0 [s]
        time that decoding one file may take
    memory_mb : int > 0 [MB]
        memory that decoding one file may take; it does not grow with the file's length

    Raises
    ------
    GenreflowError
        where the settings would refuse every file
    """

    offset: float = 0.0
    seconds: float | None = None
    min_seconds: float = 1.0
    max_seconds: float = 3600.0
    silence_db: float = -60.0
    max_silent: float = 0.99
    max_clipped: float = 0.01
    timeout: float = 300.0
    memory_mb: int = 1000

    def __post_init__(self) -> None:
        longest = self.max_seconds if self.seconds is None else self.seconds
        if not self.min_seconds <= longest <= self.max_seconds:
            raise GenreflowError(
                f"audio: every file would be refused: min_seconds is {self.min_seconds:g}, "
                f"seconds {self.seconds}, max_seconds {self.max_seconds:g}; "
                "each has to be at most the next one"
            )

    @property
    def silence(self) -> float:
        """The magnitude below which samples count as silence, full scale being 1."""
        return 10.0 ** (self.silence_db / 20)
