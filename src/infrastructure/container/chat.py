"""What chat is made of."""

from functools import partial

from dependency_injector import providers

from src.domains.chat import subscribers as chat_subscribers
from src.domains.chat.services.allowances import BudgetBook
from src.domains.chat.services.answering import AnswerWriter
from src.domains.chat.services.asking import QuestionDesk
from src.domains.chat.services.budgets import BudgetService
from src.domains.chat.services.calling import ModelCaller
from src.domains.chat.services.ceilings import Ceilings
from src.domains.chat.services.digests import DigestWriter
from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.exports import ExportService
from src.domains.chat.services.guardrail_rules import RuleBook, RuleService
from src.domains.chat.services.keeping import GenerationKeeper
from src.domains.chat.services.messages import MessageService
from src.domains.chat.services.open_door import OpenDoor
from src.domains.chat.services.profiles import ProfileService
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.reservations import ReservationKeeper
from src.domains.chat.services.rewriting import QuestionRewriter
from src.domains.chat.services.screening import Screener
from src.domains.chat.services.search import MessageSearch
from src.domains.chat.services.sessions import SessionService
from src.domains.chat.services.sharing import ShareService
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.tools import Toolbox
from src.domains.chat.services.trash import Trash
from src.domains.chat.services.turns import TurnService
from src.infrastructure.container import guardrail, limits, models, tools
from src.infrastructure.container.core import Core
from src.infrastructure.guardrails.rules import CompiledRules
from src.infrastructure.guardrails.sealing import SecretSealer


class Chat(Core):
    model = providers.Singleton(models.default_model, Core.settings)
    offers = providers.Singleton(models.offers, Core.settings, model, Core.tracer)
    profiles = providers.Singleton(ProfileService, Core.database, offers)
    sessions = providers.Singleton(SessionService, Core.database, offers)
    citations = providers.Singleton(
        ReadableCitations, Core.bus, Core.settings.provided.chat.passages_timeout_seconds
    )
    rule_book = providers.Singleton(RuleBook, Core.database, CompiledRules)
    moderator = providers.Singleton(guardrail.moderator, Core.settings)
    guardrail_rules = providers.Singleton(
        RuleService,
        Core.database,
        rule_book,
        moderator,
        providers.Callable(
            partial, Core.subscriptions.provided.wait_until_current, chat_subscribers.GUARDRAIL
        ),
    )
    sealer = providers.Singleton(SecretSealer, Core.token_secret)
    messages = providers.Singleton(MessageService, Core.database, citations, sealer, rule_book)
    message_search = providers.Singleton(MessageSearch, Core.database)
    shares = providers.Singleton(ShareService, Core.database, citations)
    exports = providers.Singleton(ExportService, Core.database, citations, sealer)
    deleted_documents = providers.Singleton(DeletedDocuments, Core.database)
    trash = providers.Singleton(
        Trash, Core.database, deleted_documents, providers.Callable(limits.trash_policy, Core.settings)
    )
    tool_provider = providers.Singleton(tools.tool_provider, Core.settings)
    toolbox = providers.Singleton(
        Toolbox,
        Core.bus,
        tool_provider,
        providers.Callable(tools.tool_limits, Core.settings),
        Core.settings.provided.analytics.time_zone,
    )
    budget_book = providers.Singleton(BudgetBook, Core.database, Core.settings.provided.analytics.time_zone)
    budgets = providers.Singleton(
        BudgetService,
        Core.database,
        budget_book,
        providers.Callable(partial, Core.subscriptions.provided.wait_until_current, chat_subscribers.BUDGETS),
    )
    spending = providers.Singleton(
        Spending,
        Core.database,
        budget_book,
        providers.Singleton(Ceilings, offers, providers.Callable(limits.source_tokens, Core.settings)),
        providers.Callable(limits.spending_policy, Core.settings),
    )
    reservations = providers.Singleton(
        ReservationKeeper, Core.database, spending, offers, Core.settings.provided.chat.lease_seconds
    )
    caller = providers.Singleton(ModelCaller, offers, providers.Callable(limits.call_limits, Core.settings))
    rewriter = providers.Singleton(
        QuestionRewriter, offers, caller, Core.settings.provided.chat.helper_seconds
    )
    answers = providers.Singleton(
        AnswerWriter,
        Core.bus,
        caller,
        rewriter,
        toolbox,
        spending,
        rule_book,
        moderator,
        providers.Callable(limits.answer_limits, Core.settings),
        Core.settings.provided.analytics.time_zone,
    )
    digests = providers.Singleton(
        DigestWriter, Core.database, offers, caller, spending, Core.settings.provided.chat.history_messages
    )
    keeper = providers.Singleton(
        GenerationKeeper, Core.database, sealer, providers.Callable(limits.keeping_limits, Core.settings)
    )
    turns = providers.Singleton(
        TurnService,
        Core.database,
        providers.Singleton(Screener, rule_book, moderator),
        providers.Singleton(
            QuestionDesk, offers, sealer, spending, Core.settings.provided.chat.history_messages
        ),
        answers,
        digests,
        keeper,
        spending,
        citations,
        providers.Callable(limits.turn_limits, Core.settings),
    )
    open_door = providers.Singleton(OpenDoor, offers, profiles, turns)
