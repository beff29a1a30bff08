"""stub"""

from src.domains.chat.services.ports import ToolSpec
from src.shared.middleware.authentication import Principal


class Toolbox:
    def offered(self, asker: Principal) -> tuple[ToolSpec, ...]:
        return ()
