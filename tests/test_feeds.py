"""Feeds of CSV: what is understood, what is refused and how it is told, whatever the bytes."""

import codecs
import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checkout.feeds import (
    MOST_LISTED,
    Form,
    InventoryReader,
    RowFault,
    SupplyReader,
    SupplyRow,
    currency_of,
    shipping_of,
    write_head,
    write_inventory,
    write_rows,
)
from checkout.feeds.numbers import Numbers

UPC, OTHER = "068648100001", "068648100002"
HEADER = "upc,qty,percent revenue retained,shipping cost,country\n"


def read(feed: str | bytes, size: int = 1000) -> tuple[SupplyReader, list[SupplyRow]]:
    reader = SupplyReader(io.BytesIO(feed.encode() if isinstance(feed, str) else feed))
    return reader, [row for piece in reader.pieces(size) for _, row in piece.values()]


def rows_of(feed: str | bytes) -> list[SupplyRow]:
    """The rows of a feed that has to be sound."""
    reader, rows = read(feed)
    assert reader.faults.listed == []
    return rows


def faults_of(feed: str | bytes) -> list[RowFault]:
    return read(feed)[0].faults.listed


def test_documented_form_with_percent_is_read() -> None:
    assert rows_of(f"{HEADER}{UPC},12,60.5,1.25,US\n") == [SupplyRow(UPC, "US", 12, 6050, 125)]


@pytest.mark.parametrize("name", ["available-to-sell", "available-to-sell-split-flat"])
def test_sample_feeds_are_sound(name: str) -> None:
    sample = Path(__file__).parent.parent / "docs" / "samples" / f"{name}.csv"
    reader, rows = read(sample.read_bytes())
    assert (reader.faults.count, len(rows)) == (0, 40)
    assert write_head(reader.form).split() == sample.read_text().splitlines()[0].split()


def test_documented_form_with_flat_split_is_read() -> None:
    reader, rows = read(f"upc,qty,split_flat,shipping cost,country\n{UPC},12,400,0,CA\n{OTHER},1,,,CA\n")
    assert reader.form is Form.FLAT
    assert rows == [SupplyRow(UPC, "CA", 12, 40_000, 0), SupplyRow(OTHER, "CA", 1, None, 0)]


@pytest.mark.parametrize("percent", ["-1", "", " -1 "])
def test_default_percent_is_kept_as_such(percent: str) -> None:
    assert rows_of(f"{HEADER}{UPC},12,{percent},,\n") == [SupplyRow(UPC, "", 12, None, 0)]


@pytest.mark.parametrize("header", ["", HEADER])
def test_header_may_be_missing(header: str) -> None:
    assert rows_of(f"{header}{UPC},12,60,2,US\n{OTHER},0,-1,0,US\n") == [
        SupplyRow(UPC, "US", 12, 6000, 200),
        SupplyRow(OTHER, "US", 0, None, 0),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "EAN,Quantity,Revenue %,Shipping,Country",
        "gtin,AVAILABLE,percent,shipping_cost,country",
        "bar code,Stock,Percent Revenue Retained,Shipping-Cost,COUNTRY CODE",
        '"U.P.C.","Qty.","%","shipping  cost","country"',
    ],
)
def test_columns_are_known_by_other_names(header: str) -> None:
    assert rows_of(f"{header}\n{UPC},12,60,2,US\n") == [SupplyRow(UPC, "US", 12, 6000, 200)]


def test_columns_may_stand_in_any_order() -> None:
    assert rows_of(f"country,shipping,qty,upc\nUS,3,5,{UPC}\n") == [SupplyRow(UPC, "US", 5, None, 300)]


def test_unknown_columns_are_passed_over_and_named() -> None:
    reader, rows = read(f"sku,upc,qty,colour\nA-1,{UPC},5,red\n")
    assert rows == [SupplyRow(UPC, "", 5, None, 0)]
    assert reader.unknown_columns == ("sku", "colour")


@pytest.mark.parametrize(
    ("header", "column", "code"),
    [
        ("upc,percent", "qty", "missing_column"),
        ("qty,percent", "upc", "missing_column"),
        ("Artikel,Menge", "upc", "missing_column"),
        ("upc,ean,qty", "upc", "double_column"),
        ("upc,qty,percent,split_flat", "split_flat", "mixed_columns"),
    ],
)
def test_header_that_cannot_be_right_is_refused(header: str, column: str, code: str) -> None:
    reader, rows = read(f"\n{header}\n{UPC},1,2,3\n")
    assert (2, column, code) in [fault[:3] for fault in reader.faults.listed]
    assert rows == []


@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("cp1252"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("\n", "\n\n , ,\n").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
    ],
)
def test_encodings_line_ends_and_delimiters_make_no_difference(encode: object) -> None:
    text = f"upc,qty,percent,name\n{UPC},12,60,Café\n{OTHER},7,-1,Über\n"
    assert rows_of(encode(text)) == [  # type: ignore[operator]  # One of the above.
        SupplyRow(UPC, "", 12, 6000, 0),
        SupplyRow(OTHER, "", 7, None, 0),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_letters_beyond_ascii_are_read(encoding: str) -> None:
    reader, rows = read(f"upc\tGröße €\tqty\n{UPC}\tXL\t1\u00a0234\n".encode(encoding))
    assert reader.unknown_columns == ("Größe €",)
    assert [row.quantity for row in rows] == [1234]


def test_quoted_cells_may_hold_delimiters_and_line_ends() -> None:
    feed = f'upc,qty,name\n"{UPC}","1,234","a, ""b""\nand c"\nx,1,\n'
    reader, rows = read(feed)
    assert rows == [SupplyRow(UPC, "", 1234, None, 0)]
    assert [fault.line for fault in reader.faults.listed] == [4]


@pytest.mark.parametrize(
    ("delimiter", "text", "value"),
    [
        (",", "1,234", "1234"),
        (",", "1,234,567", "1234567"),
        (",", "1,234.50", "1234.5"),
        (",", "12.000", "12"),
        (",", "12,5", "12.5"),
        (",", "0.125", "0.125"),
        (";", "1.234", "1234"),
        (";", "1.234,50", "1234.5"),
        (";", "1,234", "1.234"),
        (";", "12.50", "12.5"),
        (";", "1.234.567,8", "1234567.8"),
        ("\t", "1,234.50", "1234.5"),
        ("\t", "1.234,50", "1234.5"),
        ("\t", "1 234 567", "1234567"),
        ("\t", "1\u00a0234,5", "1234.5"),
        ("\t", "1'234.5", "1234.5"),
    ],
)
def test_thousands_and_decimals_are_told_apart(delimiter: str, text: str, value: str) -> None:
    assert Numbers(delimiter).decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "-", "x", "1e3", "1,23,456", "1.2.3", "1,234.5,6", ".", "1.", "-5", "٣", "²", "NaN", "9" * 16, "+1"]
)
@pytest.mark.parametrize("delimiter", ",;\t")
def test_what_is_no_number_is_refused(delimiter: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|below zero"):
        Numbers(delimiter).decimal(text)


@pytest.mark.parametrize("text", ["1,234", "1.234"])
def test_number_with_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="two ways"):
        Numbers("\t").decimal(text)


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        (f",{1}", "upc", "missing"),
        ("1234567,1", "upc", "8 to 14 digits"),
        ("6.86487E+11,1", "upc", "format the column as text"),
        (f"{UPC},", "qty", "missing"),
        (f"{UPC},1.5", "qty", "whole number"),
        (f"{UPC},-1", "qty", "below zero"),
        (f"{UPC},10000001", "qty", "more than 10,000,000"),
        (f"{UPC},many", "qty", "not a number"),
        (f"{UPC},1,100.01", "percent", "more than 100"),
        (f"{UPC},1,60.125", "percent", "two decimals"),
        (f"{UPC},1,-2", "percent", "-1 for the default"),
        (f"{UPC},1,60,-1", "shipping", "below zero"),
        (f"{UPC},1,60,1.005", "shipping", "more decimals than USD"),
        (f"{UPC},1,60,1.5,JP", "shipping", "more decimals than JPY"),
        (f"{UPC},1,60,0,U", "country", "two letters"),
        (f"{UPC},1,60,0,ZZ", "country", "two letters"),
        (f"{UPC},1,60,0,US,6", "", "6 cells"),
        (f'"{UPC}"x,1', "", "not CSV"),
    ],
)
def test_bad_row_is_told_with_its_place(row: str, column: str, said: str) -> None:
    feed = f"{HEADER}{OTHER},1,1,1,US\n{row}\n{OTHER},1,1,1,CA\n"
    reader, rows = read(feed)
    assert len(rows) == 2
    (fault,) = reader.faults.listed
    assert (fault.line, fault.column) == (3, column)
    assert said in fault.detail


def test_every_fault_of_a_row_is_told() -> None:
    reader, _ = read(f"{HEADER}1,x,200,y,Q\n")
    assert [fault.column for fault in reader.faults.listed] == ["upc", "qty", "percent", "shipping", "country"]
    assert (reader.faults.count, reader.faults.rows) == (5, 1)


def test_default_is_no_flat_split() -> None:
    assert [fault[:3] for fault in faults_of(f"upc,qty,split_flat\n{UPC},1,-1\n")] == [(2, "split_flat", "invalid")]


def test_same_upc_twice_is_told() -> None:
    feed = f"{HEADER}{UPC},1,,,US\n{UPC},2,,,CA\n{UPC[1:]},3,,,us\n"
    assert [fault[:3] for fault in faults_of(feed)] == [(4, "upc", "duplicate")]


def test_only_a_thousand_faults_are_listed_of_all() -> None:
    reader, _ = read("upc,qty\n" + "1,1\n" * 1500)
    assert (reader.faults.count, len(reader.faults.listed)) == (1500, MOST_LISTED)


def test_faults_repeat_no_endless_cell() -> None:
    for fault in faults_of(f"{HEADER}{'9' * 500},{'8' * 500},{'7' * 500},{'6' * 500},{'U' * 500}\n"):
        assert len(fault.detail) < 150


def test_line_without_an_end_stops_the_reading() -> None:
    reader, rows = read(f"upc,qty\n{UPC},1\n" + "9" * 70_000 + f"\n{OTHER},1\n")
    assert len(rows) == 1
    assert [fault.line for fault in reader.faults.listed] == [3]


@pytest.mark.parametrize("feed", ["", "\n\n", HEADER, "\ufeff", codecs.BOM_UTF16_LE, ",,,\n"])
def test_empty_feed_has_neither_rows_nor_faults(feed: str | bytes) -> None:
    reader, rows = read(feed)
    assert (rows, reader.faults.count) == ([], 0)


def test_rows_come_in_pieces() -> None:
    feed = "upc,qty\n" + "".join(f"{10**11 + number},1\n" for number in range(5))
    reader = SupplyReader(io.BytesIO(feed.encode()))
    assert [len(piece) for piece in reader.pieces(2)] == [2, 2, 1]
    assert (reader.rows, reader.quantity) == (5, 5)


ROWS = st.builds(
    SupplyRow,
    upc=st.integers(1, 10**14 - 1).map(lambda number: f"{number:012}"),
    country=st.sampled_from(["", "US", "CA", "JP", "DE", "KW"]),
    quantity=st.integers(0, 10_000_000),
    split=st.none() | st.integers(0, 10_000),
    shipping=st.integers(0, 10**9),
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(ROWS, max_size=8, unique_by=lambda row: row[:2]), st.sampled_from(Form))
def test_what_is_written_reads_back(rows: list[SupplyRow], form: Form) -> None:
    text = write_head(form) + write_rows(rows, form, "-1")
    reader, found = read(text)
    assert (found, reader.faults.listed, reader.form) == (rows, [], form)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(ROWS, max_size=4, unique_by=lambda row: row[:2]), st.sampled_from(",;\t|"), st.booleans())
def test_other_spellings_read_the_same(rows: list[SupplyRow], delimiter: str, quoted: bool) -> None:
    """As a spreadsheet of another country would write it: with thousands, and a decimal comma beside semicolons."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(["Barcode", "Stock", "Shipping"])
    unique = {row.upc: row for row in rows}
    for row in unique.values():
        quantity, shipping = f"{row.quantity:,}", f"{row.shipping / 100:,.2f}"
        if delimiter == ";":
            quantity, shipping = quantity.replace(",", "."), shipping.translate(str.maketrans(",.", ".,"))
        writer.writerow([row.upc, quantity if delimiter in ",;" else row.quantity, shipping])
    assert rows_of(out.getvalue()) == [
        SupplyRow(row.upc, "", row.quantity, None, row.shipping) for row in unique.values()
    ]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200) | st.text(alphabet='0123456789upcqty,;"\n\r\t.-% \x00é', max_size=200).map(str.encode))
@example(b"upc,qty\n\x81\x8d,\x90")
@example(b"\xff\xfe\x00")
@example(b'"')
@example(b"upc,qty\n068648100001,\xd9\xa3")
def test_no_bytes_make_the_reader_fail(feed: bytes) -> None:
    reader, rows = read(feed)
    assert reader.rows == len(rows)
    assert sum(row.quantity for row in rows) == reader.quantity
    assert all(fault.line >= 1 and fault.detail for fault in reader.faults.listed)
    inventory = InventoryReader(io.BytesIO(feed))
    assert len(list(inventory.read())) == inventory.rows


def test_inventory_is_written_as_documented() -> None:
    feed = f"EAN;Price;Qty on hand;Name\n{UPC};1.299,90;1.204;Boot\n{OTHER};;0;Sole\n"
    reader, out = InventoryReader(io.BytesIO(feed.encode())), io.StringIO()
    write_inventory(reader.read(), out)
    assert out.getvalue() == f"upc,qty,price\r\n{UPC},1204,1299.90\r\n{OTHER},0,\r\n"
    assert (reader.rows, reader.quantity, reader.faults.count) == (2, 1204, 0)


def test_inventory_is_checked_like_the_feed() -> None:
    feed = f"upc,qty,price\n{UPC},1,free\n{OTHER},2,3\n{OTHER},2,3\n12,-1,\n"
    reader = InventoryReader(io.BytesIO(feed.encode()))
    assert len(list(reader.read())) == 1
    assert [fault[:3] for fault in reader.faults.listed] == [
        (2, "price", "invalid"),
        (4, "upc", "duplicate"),
        (5, "upc", "invalid"),
        (5, "qty", "invalid"),
    ]


@pytest.mark.parametrize(
    ("country", "shipping", "shop", "cost"),
    [("US", 150, "US", 150), ("", 250, "CA", 250), ("", 250, "JP", 3), ("", 250, "KW", 2500), ("JP", 300, "JP", 300)],
)
def test_shipping_counts_in_the_currency_of_the_store(country: str, shipping: int, shop: str, cost: int) -> None:
    assert shipping_of(SupplyRow(UPC, country, 1, None, shipping), shop) == cost


def test_currency_follows_the_country() -> None:
    assert [currency_of(country) for country in ("", "US", "JP", "ZZ")] == ["USD", "USD", "JPY", None]
