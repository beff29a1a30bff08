"""What chat listens to: what is gone elsewhere, and its own budgets and rules, which each process keeps.

It publishes its turns and asks knowledge for passages.
"""

from src.domains.chat.services.allowances import BudgetBook
from src.domains.chat.services.budgets import BudgetService
from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.guardrail_rules import RuleBook
from src.shared.events.auth import GroupDeleted
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import DocumentDeleted

CITATIONS = "chat.citations"
BUDGETS = "chat.budgets"
GROUPS = "chat.groups"
GUARDRAIL = "chat.guardrail"


def subscribe(
    bus: EventBus,
    documents: DeletedDocuments,
    budgets: BudgetService,
    budget_book: BudgetBook,
    rules: RuleBook,
) -> None:
    async def erase(event: DocumentDeleted) -> None:
        await documents.erase(event.document_id)

    async def forget_group(event: GroupDeleted) -> None:
        await budgets.delete_of_group(event.group_id)

    bus.subscribe(GroupDeleted, forget_group, name=GROUPS, kind="reaction")
    # A reaction: as many answers as cite a document are more than one transaction should hold up.
    bus.subscribe(DocumentDeleted, erase, name=CITATIONS, kind="reaction")
    bus.replicate(BudgetBook.EVENTS, budget_book, name=BUDGETS)
    bus.replicate(RuleBook.EVENTS, rules, name=GUARDRAIL)
