"""The riddle of enciphered formats: a player script that holds the solution, and the check of what clients made of it.

A real runtime has to run the script: the site only accepts an ``n`` and a ``sig`` that its functions would return.
"""

from __future__ import annotations

import urllib.parse

SIGNATURE_TIMESTAMP = 20777
PLAYER_IDS = {"good": "0ff11e00", "unsolvable": "0ff11e99"}
PLAYER_PATH = "/s/player/{}/player_ias.vflset/en_US/base.js"

# The shape that solvers look for: an object made from an address, "alr=yes", the signature, a method that turns n.
GOOD_SCRIPT = """var _yt_player={};(function(g){var w=this;
g.settings={signatureTimestamp:20777};
var sign=function(a){a=a.split("");a.reverse();a.splice(0,2);var b=a[0];a[0]=a[5];a[5]=b;return a.join("")};
var Link=function(a){this.a=a;this.m={}};
Link.prototype.set=function(a,b){this.m[a]=b};
Link.prototype.get=function(a){return this.m[a]};
Link.prototype.turn=function(){var a=(this.m.n||"").split("");a.push(a.shift());this.m.n=a.reverse().join("")};
var make=function(a,b,c){var d=new Link(a);d.set("alr","yes");c&&d.set(b,sign(decodeURIComponent(c)));return d};
g.make=make})(_yt_player);
"""
UNSOLVABLE_SCRIPT = "var _yt_player={};(function(g){var w=this;g.settings={signatureTimestamp:20777};})(_yt_player);\n"
SCRIPTS = {PLAYER_IDS["good"]: GOOD_SCRIPT, PLAYER_IDS["unsolvable"]: UNSOLVABLE_SCRIPT}


def encipher(url: str, token: str) -> str:
    """The ``signatureCipher`` of a media URL: the URL with an unsolved n, and a scrambled signature beside it."""
    with_n = f"{url}&n={_riddle(token)}"
    return urllib.parse.urlencode({"s": _scrambled(token), "sp": "sig", "url": with_n})


def is_solved(parameters: dict[str, str], token: str) -> bool:
    """Whether a media URL carries what the script makes of both riddles."""
    scrambled = list(_scrambled(token))[::-1][2:]
    scrambled[0], scrambled[5] = scrambled[5], scrambled[0]
    riddle = _riddle(token)
    turned = (riddle[1:] + riddle[0])[::-1]
    return parameters.get("sig") == "".join(scrambled) and parameters.get("n") == turned


def _riddle(token: str) -> str:
    return f"Qn{token}riddleXyz"


def _scrambled(token: str) -> str:
    return f"s0{token}AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
