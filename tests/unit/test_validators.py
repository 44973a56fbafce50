"""Which links lead to a video, and which only look as if they did."""

from __future__ import annotations

import pytest

from src.errors import UrlInvalid, VideoIdInvalid
from src.utils.validators import canonical_url, parse_video_id_from_url, validate_video_id

ID = "dQw4w9WgXcQ"


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.youtube.com/watch?v={ID}",
        f"http://www.youtube.com/watch?v={ID}",
        f"HTTPS://WWW.YouTube.COM/watch?v={ID}",
        f"https://youtube.com/watch?v={ID}",
        f"https://m.youtube.com/watch?v={ID}",
        f"https://music.youtube.com/watch?v={ID}",
        f"https://gaming.youtube.com/watch?v={ID}",
        f"https://www.youtubekids.com/watch?v={ID}",
        f"https://www.youtube.com/watch/?v={ID}",
        f"https://www.youtube.com/watch_popup?v={ID}",
        f"https://www.youtube.com/watch?v={ID}&t=42s",
        f"https://www.youtube.com/watch?t=42s&v={ID}",
        f"https://www.youtube.com/watch?feature=share&amp;v={ID}",
        f"https://www.youtube.com/watch?v={ID}&list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf&index=3",
        f"https://www.youtube.com/watch?v={ID}&v={ID}",
        f"https://www.youtube.com/watch?v={ID}#t=10",
        f"https://www.youtube.com/watch?v={ID}&ab_channel=Дом",
        f"https://www.youtube.com/watch?v={ID}&pp=ygUK",
        f"https://youtu.be/{ID}",
        f"https://www.youtu.be/{ID}",
        f"https://youtu.be/{ID}/",
        f"https://youtu.be/{ID}?si=abcdefghijk&t=7",
        f"https://youtu.be/{ID}&t=7",
        f"https://www.youtube.com/shorts/{ID}",
        f"https://youtube.com/shorts/{ID}?feature=share",
        f"https://www.youtube.com/live/{ID}?si=abc",
        f"https://www.youtube.com/embed/{ID}",
        f"https://www.youtube.com/embed/{ID}/?autoplay=1",
        f"https://www.youtube-nocookie.com/embed/{ID}",
        f"https://youtube-nocookie.com/embed/{ID}",
        f"https://www.youtube.com/v/{ID}?version=3",
        f"https://www.youtube.com/e/{ID}",
        f"www.youtube.com/watch?v={ID}",
        f"youtube.com/shorts/{ID}",
        f"youtu.be/{ID}",
        f"//www.youtube.com/watch?v={ID}",
        f"  https://youtu.be/{ID}\n",
        # links that people paste
        f"https://youtu.be/watch?v={ID}",
        f"https://youtu.be/shorts/{ID}",
        f"https://www.youtube.com/watch/{ID}",
        f"https://www.youtube.com/watch?v={ID}?t=42",
        f"https://www.youtube.com/watch?si=abc?v={ID}",
        f"https://youtu.be/{ID}?si=abc?t=42",
        f"https://studio.youtube.com/video/{ID}/livestreaming",
        f"https://studio.youtube.com/video/{ID}/edit",
        f"https://studio.youtube.com/video/{ID}",
        f"https://www.youtube.com/live_chat?v={ID}",
        f"https://www.youtube.com/live_chat?is_popout=1&v={ID}",
        f"https://www.youtube.com/live_chat_replay?v={ID}",
        f"<https://youtu.be/{ID}>",
        f" < https://www.youtube.com/watch?v={ID} > ",
    ],
)
def test_a_link_to_a_video_gives_its_id(url: str) -> None:
    assert parse_video_id_from_url(url) == ID


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        b"https://youtu.be/dQw4w9WgXcQ",
        ["https://youtu.be/dQw4w9WgXcQ"],
        "",
        "   ",
        ID,
        "https://",
        "https:///watch?v=" + ID,
        # other hosts, and hosts that look like the right one
        f"https://example.com/watch?v={ID}",
        f"https://vimeo.com/{ID}",
        f"https://youtube.com.example.com/watch?v={ID}",
        f"https://example.com/youtube.com/watch?v={ID}",
        f"https://notyoutube.com/watch?v={ID}",
        f"https://youtube.co/watch?v={ID}",
        f"https://evil.youtube.com/watch?v={ID}",
        f"https://youtu.be.example.com/{ID}",
        f"https://www.youtube.com./watch?v={ID}",
        f"https://www.y\u043eutube.com/watch?v={ID}",
        f"https://youtube\u212aids.com/watch?v={ID}",
        f"https://www\u3002youtube.com/watch?v={ID}",
        f"https://www.youtube.com%2eexample.com/watch?v={ID}",
        f"https://127.0.0.1/watch?v={ID}",
        f"https://[::1]/watch?v={ID}",
        f"https://[youtu.be/{ID}",
        # user names, ports, other schemes
        f"https://user@www.youtube.com/watch?v={ID}",
        f"https://user:secret@www.youtube.com/watch?v={ID}",
        f"https://www.youtube.com@example.com/watch?v={ID}",
        f"https://example.com@www.youtube.com/watch?v={ID}",
        f"https://www.youtube.com:443/watch?v={ID}",
        f"https://www.youtube.com:8080/watch?v={ID}",
        f"www.youtube.com:22/watch?v={ID}",
        f"ftp://www.youtube.com/watch?v={ID}",
        f"file:///watch?v={ID}",
        f"javascript:alert(1)//www.youtube.com/watch?v={ID}",
        f"data:text/html,https://youtu.be/{ID}",
        f"https:www.youtube.com/watch?v={ID}",
        f"https:/www.youtube.com/watch?v={ID}",
        # characters that parsers disagree about
        f"https://www.youtube.com\\@example.com/watch?v={ID}",
        f"https://example.com\\.youtube.com/watch?v={ID}",
        f"https://www.youtube.com/watch?v={ID}\r\nHost: example.com",
        f"https://www.you\ttube.com/watch?v={ID}",
        f"https://www.youtube.com/watch?v=\x00{ID}",
        f"https://www.youtube.com /watch?v={ID}",
        f"https://youtu.be/{ID} https://example.com/",
        f"https://youtu.be/{ID}?a=\ud800",
        # pages without a single video
        "https://www.youtube.com/",
        "https://www.youtube.com/watch",
        "https://www.youtube.com/watch?list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
        "https://www.youtube.com/watch?v=",
        "https://www.youtube.com/playlist?list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
        "https://www.youtube.com/embed/videoseries?list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
        "https://www.youtube.com/embed/live_stream?channel=UCsomething",
        "https://www.youtube.com/@channel",
        "https://www.youtube.com/@channel/live",
        "https://youtu.be/",
        f"https://www.youtube.com/redirect?q=https://youtu.be/{ID}",
        f"https://www.youtube.com/watch?v={ID}&v=AAAAAAAAAAA",
        f"https://www.youtube.com/{ID}",
        f"https://www.youtube.com/../watch?v={ID}",
        f"https://www.youtube.com//watch?v={ID}",
        f"https://www.youtube.com/%77atch?v={ID}",
        f"https://www.youtube.com/watch;v={ID}",
        f"https://www.youtube.com/shorts/{ID}/more",
        f"https://studio.youtube.com/channel/{ID}",
        f"https://studio.youtube.com/watch?v={ID}",
        f"<https://youtu.be/{ID}",
        f"<<https://youtu.be/{ID}>>",
        f"https://www.youtube.com/watch?v={ID}?v=AAAAAAAAAAA",
        "https://www.youtube.com/watch?" + "&".join(f"a{n}=1" for n in range(200)) + f"&v={ID}",
        "https://www.youtube.com/watch?v=" + ID + "&x=" + "y" * 3000,
    ],
)
def test_other_links_are_refused(url: object) -> None:
    with pytest.raises(UrlInvalid):
        parse_video_id_from_url(url)


def test_a_link_to_a_clip_is_refused_with_its_reason() -> None:
    with pytest.raises(UrlInvalid, match=r"Links to YouTube clips \(/clip/\) are not supported"):
        parse_video_id_from_url("https://www.youtube.com/clip/UgkxSomeClipIdOfThirtySixCharacters")


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=short",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQQ",
        "https://www.youtube.com/watch?v=dQw4w9WgXc%00",
        "https://www.youtube.com/watch?v=dQw4w9WgXc!",
        "https://www.youtube.com/watch?v=../../etc/p",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ%0A",
        "https://youtu.be/dQw4w9WgX",
        "https://youtu.be/dQw4w9WgXcQ/more",
        "https://youtu.be/dQw4w9WgX%63Q",
        "https://www.youtube.com/shorts/abc",
        "https://www.youtube.com/watch?v=ｄQw4w9WgXcQ",
    ],
)
def test_a_link_with_an_impossible_id_is_refused(url: str) -> None:
    with pytest.raises(VideoIdInvalid):
        parse_video_id_from_url(url)


@pytest.mark.parametrize("video_id", [ID, "-_-_-_-_-_-", "00000000000", "videoseries"])
def test_an_id_is_eleven_characters(video_id: str) -> None:
    assert validate_video_id(video_id) == video_id
    assert canonical_url(video_id) == f"https://www.youtube.com/watch?v={video_id}"


@pytest.mark.parametrize(
    "video_id", [None, 12345678901, "", "dQw4w9WgXc", ID + "Q", ID + "\n", "dQw4w9WgXc/", "dQw4w9WgXc\x00", "é" * 11]
)
def test_anything_else_is_no_id(video_id: object) -> None:
    with pytest.raises(VideoIdInvalid):
        validate_video_id(video_id)
