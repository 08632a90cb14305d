import json
from collections.abc import Callable
from pathlib import Path

import pytest

from checkout.catalogue import Catalogue, Product
from checkout.errors import SettingsFault
from checkout.money import Money
from tests.records import usd

HEADER = "upc,name,image_url,price,currency,style,attributes\n"


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsFault) as caught:
        Catalogue.parse(text)
    return caught.value.lines


def test_csv_row_becomes_a_product() -> None:
    row = '686487455948,Trail Shoe,https://cdn.example.com/1.jpg,"2,099.99",usd,TS-1,size=M|color=red\n'
    assert Catalogue.parse(HEADER + row).get("686487455948") == Product(
        upc="686487455948",
        name="Trail Shoe",
        image_url="https://cdn.example.com/1.jpg",
        price=usd(209999),
        style="TS-1",
        attributes={"size": "M", "color": "red"},
    )


def test_empty_cells_are_unknown() -> None:
    assert Catalogue.parse(HEADER + "686487455948,Shoe,,,,,\n").get("686487455948") == Product(
        upc="686487455948", name="Shoe"
    )


def test_unknown_upc_has_no_product() -> None:
    assert Catalogue.parse(HEADER + "686487455948,Shoe\n").get("012345678905") is None


def test_no_path_is_an_empty_catalogue() -> None:
    assert list(Catalogue.load(None)) == []


def test_file_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_bytes("\ufeffNAME; Upc ;Price;Colour\r\nCafé;686487455948;12.50;red\r\n;;;\r\n".encode())
    catalogue = Catalogue.load(path)
    assert list(catalogue) == [Product(upc="686487455948", name="Café", price=usd(1250))]


def test_attributes_may_be_json_in_a_cell() -> None:
    catalogue = Catalogue.parse('upc,name,attributes\n686487455948,Shoe,"{""size"": 9.5}"\n')
    assert next(iter(catalogue)).attributes == {"size": "9.5"}


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"products": rows}])
def test_json_list_or_object_is_read(wrap: Callable[[object], object]) -> None:
    rows = [{"UPC": 86487455948, "name": "Shoe", "price": 12.5, "attributes": {"size": "M"}, "weight": [1]}]
    assert list(Catalogue.parse(json.dumps(wrap(rows)))) == [
        Product(upc="086487455948", name="Shoe", price=usd(1250), attributes={"size": "M"})
    ]


@pytest.mark.parametrize(
    ("price", "currency", "amount"),
    [("19.9", "USD", 1990), ("19.995", "CAD", 2000), ("1500", "JPY", 1500), ("1,234,567.5", "EUR", 123456750)],
)
def test_price_becomes_minor_units(price: str, currency: str, amount: int) -> None:
    catalogue = Catalogue.parse(f'upc,name,price,currency\n686487455948,Shoe,"{price}",{currency}\n')
    assert next(iter(catalogue)).price == Money(amount=amount, currency=currency)


@pytest.mark.parametrize("price", ["19,99", "-1", "free", "NaN", "1,00", "$5", "1e3"])
def test_price_in_another_form_is_a_fault(price: str) -> None:
    assert faults_of(f'upc,name,price\n686487455948,Shoe,"{price}"\n') == (
        f'CHECKOUT_CATALOGUE: row 2: price "{price}" is not an amount such as 1299.99 or 1,299.99',
    )


def test_absurd_price_is_a_fault() -> None:
    assert "is too large" in faults_of("upc,name,price\n686487455948,Shoe,99999999999.99\n")[0]


def test_every_fault_is_told_with_its_row() -> None:
    rows = (
        "686487455948,Shoe,javascript:alert(1),1,XYZ,,size\n"
        "12,,,,,,\n"
        "686487455955,Sock,,,,,\n"
        "0686487455955,Sock again,,,,,\n"
    )
    assert faults_of(HEADER + rows) == (
        'CHECKOUT_CATALOGUE: row 2: image_url "javascript:alert(1)" is not an http(s) address',
        'CHECKOUT_CATALOGUE: row 2: price has the currency "XYZ", which is none',
        'CHECKOUT_CATALOGUE: row 2: attributes "size" is not like size=M',
        'CHECKOUT_CATALOGUE: row 3: upc "12" is not 8 to 14 digits',
        "CHECKOUT_CATALOGUE: row 3: name is missing",
        "CHECKOUT_CATALOGUE: row 5: upc 686487455955 stands in row 4 already",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "row 1: the column upc is missing"),
        ("name,price\nShoe,1\n", "row 1: the column upc is missing"),
        ("[1]", "row 1: is not an object"),
        ('{"items": []}', 'must be a list of products, or {"products": [...]}'),
        ("[", "not JSON: Expecting value: line 1 column 2 (char 1)"),
        ('[{"upc": "686487455948", "name": ["x"]}]', "row 1: name is neither text nor a number"),
        ('[{"upc": "686487455948", "name": "x", "attributes": "{"}]', "row 1: attributes are not JSON"),
    ],
)
def test_file_in_another_form_is_a_fault(text: str, fault: str) -> None:
    assert faults_of(text)[0].startswith(f"CHECKOUT_CATALOGUE: {fault}")


def test_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"CHECKOUT_CATALOGUE: cannot read .*: No such file"):
        Catalogue.load(tmp_path / "missing.csv")


def test_file_in_another_encoding_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("upc,name\n686487455948,Café\n".encode("latin-1"))
    with pytest.raises(SettingsFault, match="is not UTF-8 text"):
        Catalogue.load(path)
