"""Addresses of remote files: the order to try them, and what is said about malformed ones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith.errors import InputError
from jetsmith.remote import replicas, split

HOSTS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}\.){0,2}[a-z]{1,4}(:[1-9][0-9]{0,3})?", fullmatch=True)
FOLDERS = st.from_regex(r"(/[A-Za-z0-9_+-]{1,6}){0,3}", fullmatch=True)
NAMES = st.from_regex(r"/[A-Za-z0-9_-]{1,8}\.root(\?authz=[a-z]{1,4})?", fullmatch=True)
LOGICAL = st.builds(lambda folder, name: f"/store{folder}{name}", FOLDERS, NAMES)
REDIRECTORS = st.lists(HOSTS.map(lambda host: f"root://{host}/"), max_size=5)


@given(HOSTS, FOLDERS, LOGICAL, REDIRECTORS)
def test_the_same_file_behind_every_server(host, prefix, logical, redirectors):
    """The path first and as it was given; then each server once, in order, with the logical path."""
    path = f"root://{host}/{prefix}{logical}"
    found = replicas(path, redirectors)
    whole = prefix + logical
    expected = whole[whole.find("/store/") :]
    assert found[0] == path
    assert len(found) == len(set(found))
    assert all(split(address)[1] == expected for address in found[1:])
    servers = list(dict.fromkeys(redirectors))
    assert [a for a in (server + expected for server in servers) if a in found[1:]] == found[1:]
    assert len(found) >= len(servers)


@given(LOGICAL, REDIRECTORS)
def test_logical_names_are_addresses_behind_the_servers(logical, redirectors):
    """And trying the first of them again gives the same list."""
    found = replicas(logical, redirectors)
    if not redirectors:
        assert found == [logical]
    else:
        assert found[0] == redirectors[0] + logical
        assert replicas(found[0], redirectors) == found


@given(HOSTS, LOGICAL, REDIRECTORS)
def test_idempotent(host, logical, redirectors):
    """The first address stands for the whole list."""
    found = replicas(f"root://{host}/{logical}", redirectors)
    assert replicas(found[0], redirectors) == found


@given(st.text())
def test_text_is_an_address_a_local_path_or_an_error(text):
    """Nothing else is raised, whatever stands in the list."""
    for path in (text, f"root://{text}", f"root://host/{text}", f"/store/{text}"):
        try:
            found = replicas(path, ["root://redirector/"])
        except InputError:
            continue
        assert all(split(address) for address in found if address.startswith("root://"))
        assert len(found) == len(set(found))


def test_spellings_of_one_server_are_one():
    """Case, the default port and doubled slashes make no other server."""
    path = "root://Host.org//store/a.root"
    assert replicas(path, ["root://host.org:1094/", "root://host.org", "root://b"]) == [
        path,
        "root://b//store/a.root",
    ]


def test_paths_without_a_logical_part_are_kept():
    """A private server is asked for the same path; a local file has no replicas."""
    assert replicas("root://a//data/x.root", ["root://[::1]:99/"])[1] == "root://[::1]:99//data/x.root"
    assert replicas("data/x.root", ["root://a/"]) == ["data/x.root"]
    assert replicas("/store/x.root", []) == ["/store/x.root"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("root:////store/a.root", "names no host"),
        ("root://", "names no host"),
        ("root://host", "two slashes must follow the host: root://host//store/file.root"),
        ("root://host/store/a.root", "two slashes must follow the host: root://host//store/a.root"),
        ("root://host//", "names no file"),
        ("root://ho st//store/a.root", "no host[:port]"),
        ("root://host:0//store/a.root", "no host[:port]"),
        ("root://host:99999//store/a.root", "no host[:port]"),
        ("root://host//store/a b.root", "no spaces"),
        ("root://host//store/a\n.root", "no spaces or control characters"),
        ("root://host//store/a\x00.root", "control characters"),
        ("/store/a b.root", "no spaces"),
        ("xroot://host//store/a.root", "only root:// addresses"),
        ("https://host/store/a.root", "only root:// addresses"),
        ("root://me@host//store/a.root", "root://host/"),
        ("root://me:secret@host//store/a.root", "no user or password"),
    ],
)
def test_malformed_addresses(path, says):
    """The message says what would be right, and repeats no password."""
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        replicas(path, ["root://redirector/"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "redirector", ["host", "root://", "root://host//eos/cms/", "root://a b/", "root://me:secret@host/", ""]
)
def test_malformed_redirectors(redirector):
    """They are no host; a path or a user is not taken."""
    with pytest.raises(InputError, match=r"redirector|no user") as caught:
        replicas("/store/a.root", [redirector])
    assert "secret" not in str(caught.value)
