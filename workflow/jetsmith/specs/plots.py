"""The look of the plots."""

from pydantic import Field

from jetsmith.strict import Record


class PlotSpec(Record):
    """Style of the plots."""

    label: str = Field("Private work (simulation)", description="Label on every plot.")
    width_in: float = Field(7.0, ge=2, le=40, description="Width of a plot [in].")
    dpi: int = Field(150, ge=20, le=1200, description="Resolution of the PNG files.")
