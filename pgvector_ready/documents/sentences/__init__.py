"""Every sentence that is said of a failure: one table, with the languages beside each other."""

from pgvector_ready.documents.sentences.configured import CONFIGURED
from pgvector_ready.documents.sentences.connected import CONNECTED
from pgvector_ready.documents.sentences.database import DATABASE
from pgvector_ready.documents.sentences.parts import PARTS
from pgvector_ready.documents.sentences.process import LAST_RESORT, PROCESS
from pgvector_ready.documents.sentences.providers import PROVIDER_REMEDIES
from pgvector_ready.documents.sentences.searchable import SEARCHABLE
from pgvector_ready.documents.sentences.text import Sentences, Table, Text

__all__ = ["LAST_RESORT", "PARTS", "PROVIDER_REMEDIES", "SENTENCES", "Sentences", "Table", "Text"]

SENTENCES: Table = {**CONFIGURED, **CONNECTED, **DATABASE, **SEARCHABLE, **PROCESS}
