"""The example in docs/add-an-endpoint.md, executed as it stands there."""

import re
from pathlib import Path
from typing import Any

from tests.conftest import Database
from tests.service import running

_DOCUMENT = Path(__file__).parents[1] / "docs" / "add-an-endpoint.md"


async def test_the_documented_endpoint_finds_the_nearest_neighbours(database_with_vector: Database) -> None:
    document = _DOCUMENT.read_text()
    example: dict[str, Any] = {"__name__": "example"}
    exec(re.findall(r"```python\n(.*?)```", document, re.DOTALL)[0], example)  # noqa: S102 - the document's own code
    table = re.findall(r"CREATE TABLE documents[^;]*;", document)[0]
    database_with_vector.execute(table)
    database_with_vector.execute("INSERT INTO documents (embedding) VALUES ('[9,9,9]'), ('[1,2,3]'), ('[1,2,4]')")

    async with running(database_with_vector.url, routers=[example["router"]]) as service:
        answer = await service.client.get("/api/v1/documents/nearest", params={"x": 1, "y": 2, "z": 3})

    assert answer.json() == [2, 3, 1]
