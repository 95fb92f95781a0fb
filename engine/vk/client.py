"""One VK call at a time through vk_api, to the configured address, with a time limit, and errors as ours.

The rate limit is not kept here: it is shared by all processes, and a slot is taken before the call.
"""

from __future__ import annotations

from typing import Any

import jconfig
import requests
import vk_api
from vk_api.exceptions import ApiError, ApiHttpError

from engine.vk.errors import VkError, VkUnavailable, redacted
from engine.vk.heard import Heard
from engine.vk.version import API_VERSION

_HOSTS = ("https://api.vk.ru/", "https://api.vk.com/")  # what vk_api writes into its calls


class VkSession(requests.Session):
    """HTTP session of one worker: sends vk_api's calls to ``api_url``, and never waits without a limit."""

    def __init__(self, api_url: str, timeout_s: float) -> None:
        super().__init__()
        self.trust_env = False  # no ~/.netrc, no proxies that the platform did not name
        self.headers["User-Agent"] = "salo"
        self._base = api_url.rstrip("/") + "/"
        self.timeout_s = timeout_s  # of a connect, and of any silence while an answer is read

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send to the configured address. A redirect is not followed: it would lose the body."""
        target = str(url)
        for host in _HOSTS:
            if target.startswith(host):
                target = self._base + target[len(host) :]
        kwargs["timeout"] = self.timeout_s
        kwargs["allow_redirects"] = False
        return super().request(method, target, *args, **kwargs)


class _Api(vk_api.VkApi):  # type: ignore[misc]
    RPS_DELAY = 0  # its limiter knows one process only


class VkClient:
    """VK with one bot's token. Not thread-safe; cheap to make, the session is what is worth keeping."""

    def __init__(self, session: VkSession, token: str) -> None:
        self.heard = Heard()
        self._token = token
        self._api = _Api(token=token, session=session, api_version=API_VERSION, config=jconfig.MemoryConfig)
        # Its handlers sleep and repeat without bound (6), or need keys that VK may leave out (14).
        self._api.error_handlers = {}

    def __repr__(self) -> str:
        return "VkClient(***)"

    def call(self, method: str, **values: Any) -> Any:
        """Return the ``response`` of one call. Raises ``VkError`` or ``VkUnavailable``, without the token."""
        return self._call(method, values)

    def execute(self, code: str) -> tuple[Any, list[Any]]:
        """Return what the code returned, and the errors of those calls that are ``False`` in it, in their order."""
        answer = self._call("execute", {"code": code}, raw=True)
        errors = answer.get("execute_errors")
        return answer["response"], errors if isinstance(errors, list) else []

    def _call(self, method: str, values: dict[str, Any], *, raw: bool = False) -> Any:
        try:
            answer = self._asked(method, values, raw=raw)
        except (VkError, VkUnavailable) as error:
            self.heard.failed(method, error)
            raise
        self.heard.answered(method)
        return answer

    def _asked(self, method: str, values: dict[str, Any], *, raw: bool) -> Any:
        try:
            answer = self._api.method(method, values, raw=raw)
            if raw and (not isinstance(answer, dict) or "response" not in answer):
                raise KeyError("response")
            return answer
        except ApiError as error:
            text = str(error.error.get("error_msg", "")) if isinstance(error.error, dict) else ""
            raise VkError(int(error.code), redacted(text, self._token)) from None
        except ApiHttpError as error:
            raise VkUnavailable(f"{method}: HTTP {error.response.status_code}") from None
        except requests.exceptions.JSONDecodeError:
            raise VkUnavailable(f"{method}: the answer is not JSON") from None
        except requests.RequestException as error:
            is_broken = isinstance(error, requests.ConnectionError) and not isinstance(error, requests.Timeout)
            is_silent = isinstance(error, requests.ReadTimeout)
            text = f"{method}: {type(error).__name__}"
            raise VkUnavailable(text, is_broken=is_broken, is_silent=is_silent) from None
        except (KeyError, TypeError, ValueError):
            raise VkUnavailable(f"{method}: the answer has an unknown form") from None
