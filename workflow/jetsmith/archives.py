"""Archives of models with the same bytes for the same training: no dates, and no addresses of objects.

Keras and skops write when a file was saved, and name shared objects by where they lay in memory. Two
trainings that came out the same are told by their checksums, such as members of an ensemble that are one.
"""

import re
import zipfile
from io import BytesIO
from pathlib import PurePath

_ADDRESS = re.compile(r'("shared_object_id": |"__id__": |"file": ")(\d+)')
_SAVED = re.compile(r'("date_saved": ")[^"]*')
DATE = "1980-01-01@00:00:00"  # the first that a zip file can say


def steady(archive: bytes) -> bytes:
    """The same files, with objects numbered in the order in which texts name them."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"{match[1]}{numbers.setdefault(match[2], len(numbers) + 1)}"

    with zipfile.ZipFile(BytesIO(archive)) as found:
        files = {name: found.read(name) for name in found.namelist()}
    for name in (name for name in files if name.endswith(".json")):
        text = _ADDRESS.sub(numbered, files[name].decode())
        files[name] = _SAVED.sub(rf"\g<1>{DATE}", text).encode()
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in files.items():
            stem, suffix = PurePath(name).stem, PurePath(name).suffix
            info = zipfile.ZipInfo(f"{numbers[stem]}{suffix}" if stem in numbers else name)
            info.external_attr = 0o600 << 16
            made.writestr(info, content)
    return out.getvalue()
