"""What chat listens to: documents that are gone, and its own budgets and rules, which each process keeps.

It publishes its turns and asks knowledge for passages.
"""

from src.domains.chat.services.allowances import BudgetBook
from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.guardrail_rules import RuleBook
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import DocumentDeleted

CITATIONS = "chat.citations"
BUDGETS = "chat.budgets"
GUARDRAIL = "chat.guardrail"


def subscribe(bus: EventBus, documents: DeletedDocuments, budgets: BudgetBook, rules: RuleBook) -> None:
    async def erase(event: DocumentDeleted) -> None:
        await documents.erase(event.document_id)

    # A reaction: as many answers as cite a document are more than one transaction should hold up.
    bus.subscribe(DocumentDeleted, erase, name=CITATIONS, kind="reaction")
    bus.replicate(BudgetBook.EVENTS, budgets, name=BUDGETS)
    bus.replicate(RuleBook.EVENTS, rules, name=GUARDRAIL)
