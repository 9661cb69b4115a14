"""Tokens of programs: whatever is wrong with one, the answer is the same, and nothing is told."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.testclient import TestClient

from features.errors import ConfigError
from serving.errors import ServiceError
from serving.identity.issuer import FRESH_S, KEPT_S, PAUSE_S
from serving.identity.tokens import TokenReader
from serving.persons import MACHINE
from serving.settings import Settings, make_settings
from serving.web.error_answers import STATUSES
from tests.test_serving.entrances import open_browser, write_settings
from tests.test_serving.issuers import (
    AUDIENCE,
    CLIENT,
    NOW_S,
    PERSON,
    Issuer,
    Watch,
    run_issuer,
)

OTHER_KEY = RSAKey.generate_key(2048, private=True)
SKEW_S = 60


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    """Return a provider that runs as a process of its own."""
    with run_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    """Return the provider as it is at first."""
    running.control("reset")
    return running


@pytest.fixture
def watch() -> Watch:
    """Return the machine's clock, which a test can move."""
    return Watch()


@pytest.fixture
def settings(tmp_path: Path, issuer: Issuer) -> Settings:
    """Return the settings of a service whose people sign in through the provider."""
    return write_settings(tmp_path, issuer)


@pytest.fixture
def client(settings: Settings, watch: Watch) -> Iterator[TestClient]:
    """Return a program that calls the service."""
    with open_browser(settings, watch) as opened:
        yield opened


@pytest.fixture
def reader(settings: Settings, watch: Watch) -> TokenReader:
    """Return what the command line reads tokens with."""
    return TokenReader(settings, clock=watch)


def show(client: TestClient, token: str, path: str = "/who", method: str = "GET") -> Any:
    value = f"Bearer {token}".encode("latin-1")
    return client.request(method, path, headers={"authorization": value})


def refused(reader: TokenReader, token: str) -> int:
    with pytest.raises(ServiceError) as caught:
        reader.read(token)
    return STATUSES[caught.value.code]


def write(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def write_number(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_program_acts_by_its_token(client: TestClient, issuer: Issuer) -> None:
    """A program is who its client is, sees its areas, and may what token and file both say."""
    told = show(client, issuer.sign(issuer.claim())).json()

    assert told == {
        "name": "importer",
        "role": MACHINE,
        "agency": "police",
        "subject": f"{issuer.address}|importer",
        "areas": ["Halton"],
        "scopes": ["records:write"],
    }


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ({"scope": "a b"}, ["a", "b"]),
        ({"scope": None, "scp": ["a", "b"]}, ["a", "b"]),
        ({"scope": None, "scp": "a b"}, ["a", "b"]),
        ({"scope": None}, []),
        ({"scope": {"a": 1}}, []),
    ],
)
def test_scopes_are_read_as_providers_write_them(
    client: TestClient, issuer: Issuer, claim: dict[str, Any], scopes: list[str]
) -> None:
    """Scopes stand in ``scope`` or ``scp``, as words or as a list; without them there are none."""
    changed = {"client_id": "exporter", "sub": "service-account-exporter"} | claim
    told = show(client, issuer.sign(issuer.claim(**changed))).json()

    assert (told["subject"], told["scopes"]) == (
        f"{issuer.address}|service-account-exporter",
        scopes,
    )


@pytest.mark.parametrize("name", ["client_id", "azp", "appid"])
def test_a_client_stands_where_providers_write_it(
    client: TestClient, issuer: Issuer, name: str
) -> None:
    """A token says in one of three claims which client it was made for."""
    claims = issuer.claim(client_id=None) | {name: "importer"}

    assert show(client, issuer.sign(claims)).json()["name"] == "importer"


def test_a_program_needs_no_cookie_and_no_origin(client: TestClient, issuer: Issuer) -> None:
    """A program with a token changes things wherever it says that it calls from."""
    token = issuer.sign(issuer.claim())
    for headers in ({}, {"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}):
        headers["authorization"] = f"bearer  {token}"
        assert client.post("/act", headers=headers).json() == "importer"


def test_a_token_beside_a_cookie_is_checked_like_a_cookie(
    client: TestClient, issuer: Issuer
) -> None:
    """Where a browser's cookie comes along, the request must come from our own pages."""
    headers = {
        "authorization": f"Bearer {issuer.sign(issuer.claim())}",
        "cookie": "__Host-caselight_session=x",
    }
    assert client.post("/act", headers=headers).status_code == 403
    ours = headers | {"origin": "https://caselight.example"}
    assert client.post("/act", headers=ours).json() == "importer"


def sign_with(key: Any, claims: dict[str, Any], **header: Any) -> str:
    head = {"alg": "RS256"} | header
    return jwt.encode(head, claims, key, algorithms=[head["alg"]])


def take_none(issuer: Issuer) -> str:
    """A token without a signature."""
    return f"{write({'alg': 'none', 'typ': 'JWT'})}.{write(issuer.claim())}."


def take_none_signed(issuer: Issuer) -> str:
    """A token that says it needs no signature, with one."""
    return f"{write({'alg': 'none'})}.{write(issuer.claim())}.{write('x')}"


def sign_by_public_key(issuer: Issuer) -> str:
    """A token signed with the public key as if it were a secret."""
    (told,) = httpx2.get(f"{issuer.address}/jwks", trust_env=False).json()["keys"]
    secret = RSAKey.import_key(told).as_pem(private=False)
    head = write({"alg": "HS256", "kid": told["kid"]})
    content = f"{head}.{write(issuer.claim())}"
    mac = hmac.new(secret, content.encode(), hashlib.sha256).digest()
    return f"{content}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def sign_by_another(issuer: Issuer) -> str:
    """A token of the right key's name and another's signature."""
    _, kid = issuer.address, json.loads(read_part(issuer.sign({}), 0))["kid"]
    return sign_with(OTHER_KEY, issuer.claim(), kid=kid)


def bring_its_own_key(issuer: Issuer) -> str:
    """A token that carries the key that it is to be checked with."""
    return sign_with(OTHER_KEY, issuer.claim(), jwk=OTHER_KEY.as_dict(private=False))


def name_its_own_keys(issuer: Issuer) -> str:
    """A token that says where its keys are."""
    return sign_with(OTHER_KEY, issuer.claim(), jku="https://elsewhere.example/jwks", kid="key-x")


def sign_by_another_kind(issuer: Issuer) -> str:
    """A token of the right key's name and another kind of signature."""
    kid = json.loads(read_part(issuer.sign({}), 0))["kid"]
    return sign_with(ECKey.generate_key("P-256"), issuer.claim(), alg="ES256", kid=kid)


def change_content(issuer: Issuer) -> str:
    """A good token whose content was changed."""
    head, _, signature = issuer.sign(issuer.claim()).split(".")
    return f"{head}.{write(issuer.claim(client_id='exporter'))}.{signature}"


def change_signature(issuer: Issuer) -> str:
    """A good token whose signature was changed."""
    head, content, signature = issuer.sign(issuer.claim()).split(".")
    first = "A" if signature[0] != "A" else "B"
    return f"{head}.{content}.{first}{signature[1:]}"


def read_part(token: str, number: int) -> bytes:
    part = token.split(".")[number]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


FORGED: list[Callable[[Issuer], str]] = [
    take_none,
    take_none_signed,
    sign_by_public_key,
    sign_by_another,
    sign_by_another_kind,
    bring_its_own_key,
    name_its_own_keys,
    change_content,
    change_signature,
    lambda issuer: "",
    lambda issuer: "x",
    lambda issuer: "a.b.c",
    lambda issuer: "....",
    lambda issuer: f"{write([1])}.{write({})}.{write('x')}",
    lambda issuer: f"{write({'alg': 'RS256', 'kid': 7})}.{write({})}.{write('x')}",
    lambda issuer: f"{write({'alg': ['RS256']})}.{write({})}.{write('x')}",
    lambda issuer: "A" * 40_000,
    lambda issuer: "é.é.é",
    lambda issuer: issuer.sign(issuer.claim()) + ".more",
    lambda issuer: issuer.sign(issuer.claim(), {"typ": "logout+jwt"}),
    lambda issuer: issuer.sign(issuer.claim(), {"crit": ["unknown"], "unknown": 1}),
]


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: f"{forge.__name__}")
def test_a_forged_token_is_refused(
    client: TestClient, issuer: Issuer, forge: Callable[[Issuer], str]
) -> None:
    """However a token is forged, the answer is 401 with the same words."""
    answer = show(client, forge(issuer))

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == show(client, "x").json()


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"aud": f"{AUDIENCE}/"},
        {"aud": AUDIENCE.upper()},
        {"aud": {AUDIENCE: 1}},
        {"aud": None},
        {"aud": CLIENT},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": NOW_S - SKEW_S},
        {"exp": NOW_S - 86_400},
        {"exp": None},
        {"exp": "never"},
        {"exp": True},
        {"iat": NOW_S + SKEW_S + 1},
        {"iat": None},
        {"iat": "now"},
        {"nbf": NOW_S + SKEW_S + 1},
        {"nbf": "now"},
    ],
    ids=str,
)
def test_a_token_for_another_or_another_time_is_refused(
    client: TestClient, issuer: Issuer, changed: dict[str, Any]
) -> None:
    """A token of the provider that is not for us or not of now gets the forged token's answer."""
    answer = show(client, issuer.sign(issuer.claim(**changed)))

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == show(client, "x").json()


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW_S - SKEW_S + 1},
        {"iat": NOW_S + SKEW_S},
        {"nbf": NOW_S + SKEW_S},
        {"aud": ["another-service", AUDIENCE]},
        {},
    ],
    ids=str,
)
def test_clocks_may_differ_up_to_the_limit(
    client: TestClient, issuer: Issuer, changed: dict[str, Any]
) -> None:
    """To the second of the limit a token is good, on either side of our clock."""
    assert show(client, issuer.sign(issuer.claim(**changed))).status_code == 200


@pytest.mark.parametrize("seconds", [0, 5, 300])
def test_the_limit_is_what_the_setting_says(
    tmp_path: Path, issuer: Issuer, watch: Watch, seconds: int
) -> None:
    """A token is good until its end and the seconds of the setting, and then no longer."""
    reader = TokenReader(write_settings(tmp_path, issuer, clock_skew_seconds=seconds), clock=watch)
    token = issuer.sign(issuer.claim())
    watch.pass_seconds(300 + seconds - 1)
    assert reader.read(token).name == "importer"
    watch.pass_seconds(1)
    assert refused(reader, token) == 401


@pytest.mark.parametrize(
    "times",
    [
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": float("nan")},
        {"iat": 10**400},
        {"nbf": float("nan")},
        {"nbf": 1e300},
    ],
    ids=["exp-nan", "exp-inf", "iat-nan", "iat-huge", "nbf-nan", "nbf-huge"],
)
def test_a_time_that_is_no_time_never_holds(
    client: TestClient, issuer: Issuer, times: dict[str, float]
) -> None:
    """A token whose times are no numbers, or no moment, is refused and breaks nothing."""
    assert show(client, issuer.sign(issuer.claim(**times))).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "stranger", "sub": "stranger"},
        {"sub": "syn-1"},
        {"sub": None},
        {"client_id": None},
        {"azp": "exporter"},
        {"groups": []},
        {"groups": ["other"]},
        {"groups": ["caselight-halton"], "sub": "syn-1"},
        {"groups": ["caselight-halton"], "sub": "", "name": "SYN"},
        {"groups": ["caselight-halton"], "sub": "s" * 256, "name": "SYN"},
        {"groups": ["caselight-halton"], "name": "SYN\u0007"},
    ],
    ids=str,
)
def test_who_is_not_in_the_file_has_no_access(
    client: TestClient, issuer: Issuer, changed: dict[str, Any]
) -> None:
    """A good token of a stranger, or of a person got through a known client, opens nothing."""
    answer = show(client, issuer.sign(issuer.claim(**changed)))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_access")
    assert "the service desk of the test force" in answer.json()["error"]["remedy"]


def test_a_person_may_show_a_token_with_groups(client: TestClient, issuer: Issuer) -> None:
    """An access token that names groups is a person's: it has a role, and no scopes."""
    told = show(client, issuer.sign(issuer.claim(**PERSON))).json()

    assert (told["name"], told["role"], told["scopes"]) == ("SYN Nightjar", "screener", None)
    assert told["subject"] == f"{issuer.address}|syn-1"


def test_an_id_token_opens_nothing_but_the_command_line(
    client: TestClient, reader: TokenReader, issuer: Issuer
) -> None:
    """An ID token says who signed in: the command line takes it, the service does not."""
    token = issuer.sign(issuer.claim(**PERSON, aud=CLIENT, client_id=None, scope=None))

    person = reader.read(token)

    assert (person.name, person.role, person.areas) == (
        "SYN Nightjar",
        "screener",
        {"Halton", "Warrington"},
    )
    assert person.subject == f"{issuer.address}|syn-1"
    assert show(client, token).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"azp": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"aud": "another-client", "azp": CLIENT},
    ],
    ids=str,
)
def test_an_id_token_of_another_client_is_refused(
    reader: TokenReader, issuer: Issuer, changed: dict[str, Any]
) -> None:
    """An ID token that was made for another client, or for several and not for us, is refused."""
    claims = issuer.claim(**(PERSON | {"aud": CLIENT, "client_id": None} | changed))

    assert refused(reader, issuer.sign(claims)) == 401


def test_an_id_token_for_several_says_that_it_is_ours(reader: TokenReader, issuer: Issuer) -> None:
    """Where an ID token has several audiences, ``azp`` names our client."""
    changed = {"aud": [CLIENT, "another-client"], "azp": CLIENT, "client_id": None}

    assert reader.read(issuer.sign(issuer.claim(**(PERSON | changed)))).name == "SYN Nightjar"


def test_a_new_key_is_fetched_when_its_first_token_comes(
    reader: TokenReader, issuer: Issuer, watch: Watch
) -> None:
    """After a rotation the first token with the new key works, and the old key's no longer."""
    old = issuer.sign(issuer.claim())
    assert reader.read(old).name == "importer"
    issuer.control("rotate")
    watch.pass_seconds(PAUSE_S)
    new = issuer.sign(issuer.claim())
    assert reader.read(new).name == "importer"
    assert refused(reader, old) == 401
    assert issuer.count()["jwks"] == 2


def test_an_overlap_of_keys_refuses_nobody(
    reader: TokenReader, issuer: Issuer, watch: Watch
) -> None:
    """While a provider publishes the old key beside the new one, tokens of both are good."""
    old = issuer.sign(issuer.claim())
    assert reader.read(old).name == "importer"
    issuer.control("rotate", keeps_old=True)
    watch.pass_seconds(PAUSE_S)
    assert reader.read(issuer.sign(issuer.claim())).name == "importer"
    assert reader.read(old).name == "importer"


@pytest.mark.parametrize("header", [{}, {"kid": None}], ids=["same-name", "no-name"])
def test_a_key_may_change_under_its_name(
    reader: TokenReader, issuer: Issuer, watch: Watch, header: dict[str, Any]
) -> None:
    """A provider that changes its key under one name, or names none, is asked again as well."""
    assert reader.read(issuer.sign(issuer.claim(), header)).name == "importer"
    issuer.control("rotate", keeps_kid=True)
    watch.pass_seconds(PAUSE_S)
    assert reader.read(issuer.sign(issuer.claim(), header)).name == "importer"


def test_forged_keys_do_not_make_us_ask_again_and_again(
    reader: TokenReader, issuer: Issuer, watch: Watch
) -> None:
    """However many tokens of unknown keys come, the provider is asked once in a pause."""
    good = issuer.sign(issuer.claim())
    assert reader.read(good).name == "importer"
    for number in range(20):
        forged = sign_with(OTHER_KEY, issuer.claim(), kid=f"forged-{number}")
        assert refused(reader, forged) == 401
    assert issuer.count()["jwks"] == 1
    watch.pass_seconds(PAUSE_S)
    for number in range(20):
        forged = sign_with(OTHER_KEY, issuer.claim(), kid=f"forged-{number}")
        assert refused(reader, forged) == 401
    assert issuer.count()["jwks"] == 2
    assert reader.read(good).name == "importer"


def test_what_is_no_token_asks_nobody(reader: TokenReader, issuer: Issuer) -> None:
    """What cannot be a signed token is refused before the provider is asked for anything."""
    for token in ("x", "a.b.c", take_none(issuer), f"{write({'alg': 'HS256'})}.e30.eA"):
        assert refused(reader, token) == 401
    assert issuer.count() == {"jwks": 0, "discovery": 0, "token": 0}


def test_a_withdrawn_key_is_trusted_for_an_hour_at_most(
    reader: TokenReader, issuer: Issuer, watch: Watch
) -> None:
    """Keys are fetched anew after an hour, so that a withdrawn one is not trusted for longer."""
    token = issuer.sign(issuer.claim(exp=NOW_S + 2 * FRESH_S))
    assert reader.read(token).name == "importer"
    issuer.control("rotate")
    watch.pass_seconds(FRESH_S)
    assert reader.read(token).name == "importer"
    watch.pass_seconds(1)
    assert refused(reader, token) == 401


def test_known_keys_serve_while_the_provider_is_down(
    reader: TokenReader, issuer: Issuer, watch: Watch
) -> None:
    """A provider that does not answer stops nobody whose key is known, for a day."""
    token = issuer.sign(issuer.claim(exp=NOW_S + 2 * KEPT_S))
    assert reader.read(token).name == "importer"
    issuer.control("set", is_down=True)
    watch.pass_seconds(KEPT_S)
    assert reader.read(token).name == "importer"
    watch.pass_seconds(1)
    assert refused(reader, token) == 503


def test_a_provider_that_is_down_is_said_to_be(
    client: TestClient, issuer: Issuer, watch: Watch
) -> None:
    """Where no key is known the answer is 503, and after a pause the provider is asked again."""
    token = issuer.sign(issuer.claim())
    issuer.control("set", is_down=True)
    answer = show(client, token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_issuer")
    issuer.control("set", is_down=False)
    watch.pass_seconds(PAUSE_S)
    assert show(client, token).status_code == 200


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://elsewhere.example"},
        {"jwks_uri": "http://elsewhere.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "http://elsewhere.example/end"},
    ],
    ids=str,
)
def test_a_provider_that_says_what_cannot_be_is_not_used(
    reader: TokenReader, issuer: Issuer, told: dict[str, Any]
) -> None:
    """Another's name, or an address that others could read or change, is not taken."""
    issuer.control("set", told=told)

    assert refused(reader, issuer.sign(issuer.claim())) == 503


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "key-x"}],
        [OTHER_KEY.as_dict(private=True) | {"kid": "key-x"}],
        [OTHER_KEY.as_dict(private=False) | {"kid": "key-x", "use": "enc"}],
        [{"kty": "RSA", "n": write_number(2**1023 + 1), "e": "AQAB", "kid": "key-x"}],
        ["key", None, {"kty": "RSA"}, {"kty": "RSA", "n": 7, "e": "AQAB"}],
    ],
    ids=["none", "secret", "private", "for-encryption", "small", "broken"],
)
def test_keys_that_prove_nothing_are_left_out(
    reader: TokenReader, issuer: Issuer, keys: list[Any]
) -> None:
    """Secrets, published private keys, small and broken ones are no keys; the others still are."""
    forged = sign_with(OTHER_KEY, issuer.claim(), kid="key-x")
    good = issuer.sign(issuer.claim())
    (ours,) = httpx2.get(f"{issuer.address}/jwks", trust_env=False).json()["keys"]
    issuer.control("set", jwks={"keys": [*keys, ours]})

    assert refused(reader, forged) == 401
    assert reader.read(good).name == "importer"


def test_nothing_of_a_token_is_logged(
    client: TestClient, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a good token nor a refused one leaves anything in a log or an answer."""
    tokens = [
        issuer.sign(issuer.claim(**PERSON, canary="SYN Canary")),
        issuer.sign(issuer.claim(aud="SYN Canary")),
        issuer.sign(issuer.claim(**(PERSON | {"groups": ["SYN Canary"], "name": "SYN Canary"}))),
        sign_with(OTHER_KEY, issuer.claim(), kid="SYN Canary"),
    ]
    answers = "".join(show(client, token).text for token in tokens)
    told = capsys.readouterr()

    assert "Canary" not in answers + told.out + told.err
    assert not [token for token in tokens if token[:40] in told.out + told.err]


def test_several_tokens_are_none(client: TestClient, issuer: Issuer) -> None:
    """A request that shows two tokens, or an empty one, is refused like any other."""
    token = issuer.sign(issuer.claim())
    several = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
    assert client.get("/who", headers=several).status_code == 401
    for value in ("Bearer", "Bearer ", "bearer  "):
        answer = client.get("/who", headers={"authorization": value})
        assert answer.headers["www-authenticate"] == "Bearer"
    other = client.get("/who", headers={"authorization": "Basic eDp5"})
    assert other.json()["error"]["code"] == "not_signed_in"


def test_nobody_is_told_that_a_token_would_do_where_it_would(client: TestClient) -> None:
    """An answer to nobody names the way in for programs."""
    answer = client.get("/v1/me")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_without_an_audience_no_token_is_taken(
    tmp_path: Path, issuer: Issuer, watch: Watch
) -> None:
    """Where the settings name no audience, a token for nobody is not a token for us."""
    settings = write_settings(tmp_path, issuer, token_audience=None)
    with open_browser(settings, watch) as client:
        for audience in (AUDIENCE, "", None, CLIENT):
            claims = issuer.claim(aud=audience)
            assert show(client, issuer.sign(claims)).status_code == 401


def test_a_reader_needs_a_provider(tmp_path: Path, issuer: Issuer) -> None:
    """Without a provider, or without what it needs, the error names the setting to mend."""
    with pytest.raises(ConfigError, match="set oidc_issuer, oidc_client_id and access_file"):
        TokenReader(make_settings())
    for name in ("oidc_client_id", "access_file"):
        with pytest.raises(ConfigError, match=name):
            TokenReader(write_settings(tmp_path, issuer, **{name: None}))
    with pytest.raises(ConfigError, match="token_audience must be another word"):
        TokenReader(write_settings(tmp_path, issuer, token_audience=CLIENT))
