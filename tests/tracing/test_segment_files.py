from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidforensics.errors import OutputError
from vidforensics.tracing import segment_files
from vidforensics.tracing.segment_files import DamagedFileError

_TYPES = st.sampled_from(
    [np.uint8, np.int8, np.bool_, np.uint16, np.uint32, np.int64, np.float32, np.float64]
)
_ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    _TYPES.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(max_dims=3, min_side=0, max_side=5))),
    max_size=4,
)


@given(_ARRAYS, st.dictionaries(st.text(max_size=4), st.integers(), max_size=3))
def test_round_trip(arrays, meta):
    file = segment_files.unpack(segment_files.pack(arrays, meta), "x")
    assert file.meta == meta
    assert file.names == tuple(arrays)
    for name, array in arrays.items():
        back = file.array(name)
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == array.tobytes()


def test_through_a_file_without_copies(tmp_path):
    path = tmp_path / "a.seg"
    codes = np.arange(96, dtype=np.uint8).reshape(3, 32)
    assert (
        segment_files.write(path, {"codes": codes, "none": np.zeros((0, 4))}, {"k": 1}) == path.stat().st_size
    )
    file = segment_files.read(path).checked()
    view = file.array("codes")
    assert not view.flags.writeable
    assert not view.flags.owndata
    assert np.array_equal(view, codes)
    assert file.array("none").shape == (0, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["a.seg"]


def test_arrays_start_aligned():
    data = segment_files.pack({"a": np.zeros(3, np.uint8), "b": np.zeros(5, np.float64)}, {})
    file = segment_files.unpack(data, "x")
    base = np.frombuffer(data, np.uint8).ctypes.data
    assert [(file.array(n).ctypes.data - base) % 64 for n in "ab"] == [0, 0]


def test_every_flipped_byte_is_noticed():
    data = segment_files.pack({"a": np.arange(70, dtype=np.uint8), "b": np.ones(3)}, {"m": 1})
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 0x10
        with pytest.raises(DamagedFileError):
            segment_files.unpack(bytes(broken), "x")


@pytest.mark.parametrize("keep", [0, 1, 15, 16, 40, 200, -1])
def test_a_cut_file_is_noticed(keep: int):
    data = segment_files.pack({"a": np.arange(70, dtype=np.uint8)}, {})
    with pytest.raises(DamagedFileError):
        segment_files.unpack(data[:keep], "x")


def test_only_the_altered_array_is_named(tmp_path):
    path = tmp_path / "a.seg"
    segment_files.write(path, {"a": np.zeros(64, np.uint8), "b": np.zeros(64, np.uint8)}, {})
    data = bytearray(path.read_bytes())
    data[-1] = 1
    path.write_bytes(bytes(data))
    assert segment_files.read(path).damaged() == ("b",)
    assert segment_files.read(path).damaged("a") == ()


def test_absent_and_foreign_files(tmp_path):
    with pytest.raises(DamagedFileError, match="cannot be read"):
        segment_files.read(tmp_path / "absent")
    (tmp_path / "text").write_text("something else, quite long enough to be read")
    with pytest.raises(DamagedFileError, match="not a file of arrays"):
        segment_files.read(tmp_path / "text")


def test_another_version_is_said(tmp_path):
    data = bytearray(segment_files.pack({}, {}))
    data[7] = 9
    with pytest.raises(DamagedFileError, match="format 9"):
        segment_files.unpack(bytes(data), "x")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        segment_files.write(tmp_path / "no" / "a.seg", {}, {})


def test_objects_are_refused():
    with pytest.raises(TypeError):
        segment_files.pack({"a": np.array(["text"])}, {})
