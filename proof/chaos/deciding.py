"""People who decide what waits: signed in with a browser's cookies, sometimes two of them on the same request."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

import httpx2

from proof.chaos.traffic import Door

LOOK_EVERY_S = 1.0
YES = 0.85  # of all decisions
BOTH = 0.4  # of requests that both of them answer at once


class Approver:
    """One person in one browser; signs in again when that is asked for."""

    def __init__(self, url: str, headers: dict[str, str], email: str, password: str):
        self._email, self._password = email, password
        self._headers = headers
        self._browser = httpx2.Client(base_url=url, headers=headers, timeout=20, follow_redirects=False)

    def decide(self, workspace: str, approval: str, digest: str, decision: str) -> int:
        """The status of the answer; 0 where there was none. 302 to the request itself says that it was taken."""
        try:
            page = f"/w/{workspace}/approvals/{approval}/decision/"
            words = {"decision": decision, "digest": digest, "note": "As agreed."}
            for _ in range(2):
                answer = self._browser.post(page, data=words, headers=self._proof())
                signed_out = answer.status_code == 302 and "/account/login/" in answer.headers["Location"]
                if not signed_out and not (answer.status_code == 403 and "csrf" in answer.text.lower()):
                    return answer.status_code
                self._sign_in()
        except (httpx2.HTTPError, KeyError):
            return 0
        return 0

    def close(self) -> None:
        self._browser.close()

    def _proof(self) -> dict[str, str]:
        if not any("csrf" in name for name in self._browser.cookies):
            self._sign_in()
        token = next((value for name, value in self._browser.cookies.items() if "csrf" in name), "")
        return {"X-CSRFToken": token, "Referer": "https://localhost/"}

    def _sign_in(self) -> None:
        self._browser.cookies.clear()
        self._browser.get("/account/login/")
        token = next((value for name, value in self._browser.cookies.items() if "csrf" in name), "")
        words = {"login": self._email, "password": self._password, "csrfmiddlewaretoken": token}
        self._browser.post("/account/login/", data=words, headers={"Referer": "https://localhost/"})


class Deciding:
    """A thread that looks for requests and has them answered; ``answers`` counts statuses, ``yes`` and ``no``."""

    def __init__(
        self,
        urls: Sequence[str],
        headers: dict[str, str],
        emails: Sequence[str],
        password: str,
        *,
        workspace: str,
        watcher: str,
        seed: int,
    ):
        self._people = [Approver(urls[n % len(urls)], headers, email, password) for n, email in enumerate(emails)]
        self._doors = [Door(url, headers | {"Authorization": f"Bearer {watcher}"}) for url in urls]
        self._workspace, self._seed = workspace, seed
        self.answers: Counter[str] = Counter()
        self.both = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(60)
        for one in (*self._people, *self._doors):
            one.close()

    def _work(self) -> None:
        turn = 0
        while not self._stopped.wait(LOOK_EVERY_S):
            turn += 1
            door = self._doors[turn % len(self._doors)]
            status, said = door.ask("GET", f"/api/v1/workspaces/{self._workspace}/approvals/?status=pending&limit=50")
            for row in said["results"] if status == 200 else []:
                self._answer(row)

    def _answer(self, row: dict) -> None:
        rng = random.Random(f"{self._seed}:decision:{row['summary']}:{row['subject_id']}")  # noqa: S311
        decision = "approved" if rng.random() < YES else "rejected"
        chosen = self._people if rng.random() < BOTH else [rng.choice(self._people)]
        self.both += len(chosen) > 1
        threads = [threading.Thread(target=self._one, args=(one, row, decision)) for one in chosen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _one(self, person: Approver, row: dict, decision: str) -> None:
        status = person.decide(self._workspace, row["id"], row["digest"], decision)
        self.answers[f"{decision} {status}"] += 1
        if status == 0:
            time.sleep(0.2)
