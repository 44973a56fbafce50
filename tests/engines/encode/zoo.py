"""The zoo: inputs as people have them and as attackers make them, each with what has to become of it."""
# ruff: noqa: E501 (a table: one row is one line)

from __future__ import annotations

import dataclasses

from src.models.outcome import NoteCode as N
from tests.engines.encode.recipes import (
    AAC,
    FAST,
    SOUND,
    Row,
    cut_tail,
    junk_head,
    no_index,
    noise_payload,
    scratch,
    video,
)


def notes(*codes: N) -> frozenset[N]:
    return frozenset(codes)


PLAIN = (*video(), *SOUND, *FAST, "-pix_fmt", "yuv420p", *AAC)
FFV1 = ("-c:v", "ffv1", "-c:a", "pcm_s16le")
HDR10 = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
PQ = ("-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc")
HLG = ("-vf", "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "12", "-x265-params")


def pixels(name: str, form: str, *more: str, **row: object) -> Row:
    """A row in FFV1 of one pixel format."""
    return dataclasses.replace(
        Row(name, ((*video(form=form), *SOUND, *FFV1, *more),), ".mkv"),
        **row,  # type: ignore[arg-type]
    )


def turned(name: str, *how: str, **row: object) -> Row:
    """A row whose display matrix turns or mirrors the picture."""
    return dataclasses.replace(
        Row(name, (("<.mp4>", *PLAIN), (*how, "-i", "{s1}", "-c", "copy"))),
        **row,  # type: ignore[arg-type]
    )


GEOMETRY = (
    turned("turned 90", "-display_rotation", "90"),
    turned("turned 180", "-display_rotation", "180", codec="h265"),
    turned("turned 270", "-display_rotation", "270", codec="av1"),
    turned("mirrored", "-display_hflip"),
    turned("turned 90, lossless", "-display_rotation", "90", codec="h265", quality="lossless"),
    Row("odd size 4:4:4", ((*video("321x181", form="yuv444p"), *SOUND, *FFV1),), ".mkv", likeness=12.0, notes=notes(N.CROPPED, N.CHROMA_REDUCED)),
    Row(
        "odd size VP9",
        ((*video("322x182"), *SOUND, "-vf", "crop=321:181:exact=1", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-crf", "15", "-c:a", "libopus"),),
        ".webm", "h265", notes=notes(N.CROPPED),
    ),
    Row("odd size lossless AV1", ((*video("322x182"), *SOUND, "-vf", "crop=321:181:exact=1", *FFV1),), ".mkv", "av1", "lossless"),
    Row("odd size lossless H.264", ((*video("322x182"), *SOUND, "-vf", "crop=321:181:exact=1", *FFV1),), ".mkv", "h264", "lossless", likeness=None, notes=notes(N.PADDED)),
    Row("16 pixels H.265", ((*video("16x16"), *SOUND, *FFV1),), ".mkv", "h265", likeness=9.0),
    Row("8 pixels H.265", ((*video("8x8"), *SOUND, *FFV1),), ".mkv", "h265", notes=notes(N.PADDED), likeness=None, facts={"aspect": None}),
    Row("2 pixels AV1", ((*video("2x2"), *SOUND, *FFV1),), ".mkv", "av1", likeness=None),
    Row("long strip", ((*video("2048x32"), *SOUND, *FFV1),), ".mkv", "av1", likeness=9.0),
    Row("anamorphic PAL", ((*video("720x576"), *SOUND, *FAST, *AAC, "-aspect", "16:9", "-vf", "setsar=64/45"),), codec="h265"),
    Row("anamorphic, turned", (("<.mp4>", *video("180x320"), *SOUND, *FAST, *AAC, "-vf", "setsar=4/3"), ("-display_rotation", "90", "-i", "{s1}", "-c", "copy"))),
    Row("anamorphic lossless", ((*video("360x288"), *SOUND, *FFV1, "-vf", "setsar=64/45"),), ".mkv", "av1", "lossless"),
    Row(
        "size changes in the middle",
        (
            ("<.ts>", *video(seconds=1), *FAST, "-pix_fmt", "yuv420p"),
            ("<.ts>", *video("256x144", seconds=1), *FAST, "-pix_fmt", "yuv420p", "-output_ts_offset", "1"),
            ("-i", "concat:{s1}|{s2}", "-c", "copy"),
        ),
        ".ts", sound_tracks=0, likeness=9.0,
    ),
)  # fmt: skip

PIXELS = (
    pixels("10 bit to H.264", "yuv420p10le", notes=notes(N.BIT_DEPTH_REDUCED)),
    pixels("10 bit to H.265", "yuv420p10le", codec="h265", quality="high", facts={"pixel_format": "yuv420p10le"}),
    pixels("10 bit to AV1", "yuv420p10le", codec="av1", quality="high", facts={"pixel_format": "yuv420p10le"}),
    pixels("12 bit 4:4:4 to H.264", "yuv444p12le", likeness=12.0, notes=notes(N.BIT_DEPTH_REDUCED, N.CHROMA_REDUCED)),
    pixels("12 bit 4:4:4 lossless H.265", "yuv444p12le", codec="h265", quality="lossless"),
    Row("ProRes 4:2:2 lossless H.265", ((*video(form="yuv422p10le"), *SOUND, "-c:v", "prores_ks", "-c:a", "pcm_s24le"),), ".mov", "h265", "lossless"),
    Row("ProRes 4444 with alpha", ((*video(form="yuva444p10le"), *SOUND, "-c:v", "prores_ks", "-profile:v", "4444", "-c:a", "pcm_s16le"),), ".mov", "h265", likeness=12.0, notes=notes(N.ALPHA_DROPPED, N.CHROMA_REDUCED)),
    pixels("4:4:4 to AV1", "yuv444p", codec="av1", likeness=12.0, notes=notes(N.CHROMA_REDUCED)),
    pixels("4:2:2 lossless H.264", "yuv422p", quality="lossless"),
    pixels("4:4:4 10 bit lossless H.264", "yuv444p10le", quality="lossless"),
    pixels("4:2:0 10 bit lossless AV1", "yuv420p10le", codec="av1", quality="lossless"),
    pixels("RGB to H.264", "bgr0", likeness=12.0),
    pixels("RGB to AV1", "gbrp", codec="av1", likeness=12.0),
    pixels("RGB lossless H.264", "bgr0", quality="lossless"),
    pixels("RGB lossless H.265", "gbrp", codec="h265", quality="lossless"),
    pixels("RGB lossless AV1", "gbrp", codec="av1", quality="lossless"),
    pixels("grey to H.264", "gray"),
    pixels("grey lossless H.264", "gray", quality="lossless"),
    pixels("grey 10 bit lossless H.265", "gray10le", codec="h265", quality="lossless"),
    Row("palette", ((*video(form="pal8"), *SOUND, "-c:v", "png", "-c:a", "pcm_s16le"),), ".mov", "h264", likeness=12.0),
    Row("VP9 with alpha", ((*video(form="yuva420p"), *SOUND, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "15", "-auto-alt-ref", "0", "-c:a", "libopus"),), ".webm"),
    Row("DV, 4:1:1", ((*video("720x480", "30000/1001", form="yuv411p"), *SOUND, "-c:v", "dvvideo", "-c:a", "pcm_s16le", "-ar", "48000", "-ac", "2"),), ".avi", likeness=7.0),
    pixels("4:1:0 lossless", "yuv410p", codec="h265", quality="lossless", likeness=None, notes=notes(N.PIXELS_CONVERTED)),
    Row("full range MJPEG", ((*video(form="yuvj420p"), *SOUND, "-c:v", "mjpeg", "-q:v", "2", "-c:a", "mp3"),), ".avi", facts={"range": "pc"}),
    Row("full range lossless", ((*video(form="yuvj422p"), *SOUND, "-c:v", "mjpeg", "-q:v", "2", "-c:a", "pcm_s16le"),), ".avi", "h265", "lossless"),
    Row("HDR10 to H.264", ((*video(form="yuv420p10le"), *SOUND, *PQ, *X265, HDR10, *AAC),), notes=notes(N.TONE_MAPPED), likeness=None, facts={"transfer": "bt709", "light": None}),
    Row("HDR10 to H.265", ((*video(form="yuv420p10le"), *SOUND, *PQ, *X265, HDR10, *AAC),), codec="h265", quality="high", facts={"transfer": "smpte2084", "light": 1000}),
    Row("HDR10 to AV1", ((*video(form="yuv420p10le"), *SOUND, *PQ, *X265, HDR10, *AAC),), codec="av1", facts={"transfer": "smpte2084", "light": 1000}),
    Row("HDR10 lossless H.265", ((*video(form="yuv420p10le"), *SOUND, *PQ, "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", *AAC),), codec="h265", quality="lossless", facts={"transfer": "smpte2084"}),
    Row("HLG to H.264", ((*video(form="yuv420p10le"), *SOUND, *HLG, *X265, "log-level=error", *AAC),), notes=notes(N.TONE_MAPPED), likeness=None, facts={"transfer": "bt709"}),
    Row("HLG to H.265", ((*video(form="yuv420p10le"), *SOUND, *HLG, *X265, "log-level=error", *AAC),), codec="h265", facts={"transfer": "arib-std-b67"}),
    Row("BT.601 tags", ((*video(), *SOUND, "-vf", "setparams=color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m", *FAST, *AAC),), codec="av1", facts={"transfer": "smpte170m"}),
)  # fmt: skip

INTERLACED = ("-vf", "tinterlace=interleave_top,fieldorder=tff")
CADENCE = (
    Row("interlaced MPEG-2", ((*video("720x576", "50"), *SOUND, *INTERLACED, "-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ilme+ildct", "-c:a", "mp2"),), ".mpg", notes=notes(N.DEINTERLACED), likeness=12.0),
    Row("interlaced H.264, bottom first", ((*video("320x180", "50"), *SOUND, "-vf", "tinterlace=interleave_bottom", *FAST, "-flags", "+ilme+ildct", "-x264-params", "bff=1", *AAC),), ".mov", "h265", notes=notes(N.DEINTERLACED), likeness=12.0),
    Row("progressive that says interlaced", ((*video(), *SOUND, "-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct", "-vf", "setfield=tff", "-c:a", "mp2"),), ".mpg"),
    Row("interlaced lossless", ((*video("320x180", "50"), *SOUND, *INTERLACED, "-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ilme+ildct", "-c:a", "mp2"),), ".ts", "h264", "lossless", notes=notes(N.INTERLACED)),
    Row("variable rate MKV", ((*video(), *SOUND, "-vf", "select='not(eq(mod(n,10),3)+eq(mod(n,15),7))'", "-fps_mode", "passthrough", *FAST, *AAC),), ".mkv"),
    Row("variable rate MP4", ((*video(rate="60"), *SOUND, "-vf", "setpts='(N+0.4*sin(N))/60/TB',select='gt(mod(n,7),1)'", "-enc_time_base", "1/90000", "-fps_mode", "passthrough", *FAST, *AAC),), codec="av1"),
    Row("variable rate lossless", ((*video(rate="60"), *SOUND, "-vf", "setpts='(N+0.4*sin(N))/60/TB',select='gt(mod(n,7),1)'", "-enc_time_base", "1/90000", "-fps_mode", "passthrough", *FAST, *AAC),), codec="h265", quality="lossless"),
    Row("120 fps", ((*video(rate="120"), *SOUND, *FAST, *AAC),), codec="h265"),
    Row("500 fps to AV1", ((*video("160x90", "500", 0.4), *FAST),), codec="av1", sound_tracks=0),
    Row("1000 fps to H.264", ((*video("160x90", "1000", 0.4), *FAST),), sound_tracks=0),
    Row("one frame in two seconds", ((*video(rate="1/2", seconds=8), *FAST),), ".mkv", "av1", sound_tracks=0),
    Row("23.976 in MKV", ((*video(rate="24000/1001"), *SOUND, *FAST, *AAC),), ".mkv", "h265"),
    Row("29.97 in a transport stream", ((*video(rate="30000/1001"), *SOUND, *FAST, "-pix_fmt", "yuv420p", *AAC),), ".ts"),
    Row("a pause of a minute", ((*video(), "-vf", "setpts='if(lt(N,25),N,N+1500)/25/TB'", "-fps_mode", "passthrough", *FAST),), ".mkv", sound_tracks=0),
    Row("two frames ten hours apart", ((*video(seconds=0.08), "-vf", "setpts='N*36000/TB'", "-fps_mode", "passthrough", *FAST),), ".mkv", "h265", sound_tracks=0),
    Row("one single frame", ((*video(seconds=0.04), *FAST),), codec="av1", sound_tracks=0),
    Row("time base of a microsecond", ((*video(rate="30000/1001"), *SOUND, *FAST, *AAC, "-video_track_timescale", "1000000"),), codec="h265"),
    Row("starts at 26 hours", ((*video(), *SOUND, *FAST, "-pix_fmt", "yuv420p", *AAC, "-output_ts_offset", "95000"),), ".ts"),
    Row("cut by an edit list", (("<.mp4>", *video(seconds=4), "-f", "lavfi", "-i", "sine=d=4", *FAST, "-g", "50", *AAC), ("-ss", "1.2", "-i", "{s1}", "-t", "2", "-c", "copy")), sound_offset=None),
    Row("cut by an edit list, lossless", (("<.mp4>", *video(seconds=4), "-f", "lavfi", "-i", "sine=d=4", *FAST, "-g", "50", *AAC), ("-ss", "1.2", "-i", "{s1}", "-t", "2", "-c", "copy")), quality="lossless", sound_offset=None),
)  # fmt: skip

SOUNDS = (
    Row("no sound", ((*video(), *FAST),), codec="h265", sound_tracks=0),
    Row("mono of 8 kHz", ((*video(), *SOUND, *FAST, "-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"),), ".mov"),
    Row("5.1 AC-3", ((*video(), *SOUND, *FAST, "-c:a", "ac3", "-ac", "6"),), ".mkv", notes=notes(N.SURROUND), facts={"channels": 6}),
    Row("7.1 FLAC", ((*video(), *SOUND, *FAST, "-c:a", "flac", "-ac", "8"),), ".mkv", "av1", notes=notes(N.SURROUND), facts={"channels": 8}),
    Row("quadraphonic", ((*video(), *SOUND, *FAST, "-c:a", "flac", "-ac", "4"),), ".mkv", notes=notes(N.SURROUND, N.SOUND_CONVERTED), facts={"channels": 6}),
    Row("96 kHz", ((*video(), *SOUND, *FAST, "-c:a", "flac", "-ar", "96000"),), ".mkv", "h265"),
    Row("Opus", ((*video(), *SOUND, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-c:a", "libopus"),), ".webm", likeness=9.0),
    Row("two languages", ((*video(), *SOUND, *SOUND, "-map", "0", "-map", "1", "-map", "2", *FAST, *AAC, "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),), ".mkv", sound_tracks=2, facts={"languages": ("eng", "deu")}),
    Row("sound starts late", ((*video(), "-itsoffset", "0.5", *SOUND, *FAST, *AAC),), sound_offset=0.5),
    Row("picture starts late", (("-itsoffset", "0.48", *video(), *SOUND, *FAST, *AAC),), ".mkv", "h265", sound_offset=-0.48),
    Row("sound is longer", ((*video(seconds=1), *SOUND, *FAST, *AAC),)),
    Row("sound is shorter", ((*video(seconds=2), *SOUND, *FAST, *AAC, "-map", "0", "-map", "1", "-filter:a", "atrim=end=1.3"),), codec="av1"),
    Row("AAC kept in a lossless encode", ((*video(), *SOUND, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", *AAC),), ".mp4", "h265", "lossless", notes=notes(N.SOUND_COPIED)),
)  # fmt: skip

EXTRAS = (
    Row("cover art", (("<.mp4>", *PLAIN), ("<.png>", *video("64x64", seconds=0.04)), ("-i", "{s1}", "-i", "{s2}", "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic")), codec="h265", facts={"cover": True}),
    Row("cover art comes first", (("<.mp4>", *PLAIN), ("<.png>", *video("64x64", seconds=0.04)), ("-i", "{s2}", "-i", "{s1}", "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic")), facts={"cover": True}),
    Row("text subtitles", ((*video(), *SOUND, "-i", "{srt}", *FAST, *AAC, "-c:s", "srt", "-metadata:s:s:0", "language=fra"),), ".mkv", facts={"subtitles": ("mov_text",)}),
    Row("styled subtitles", ((*video(), *SOUND, "-i", "{srt}", *FAST, *AAC, "-c:s", "ass"),), ".mkv", "av1", facts={"subtitles": ("mov_text",)}),
    Row("chapters and place", ((*PLAIN, "-metadata", "location=+48.20+016.37/", "-metadata", "title=A film"),), ".mov", facts={"title": "A film", "location": None}),
    Row("time code track", ((*PLAIN, "-timecode", "01:00:00:00"),), ".mov", "av1", notes=notes(N.STREAMS_DROPPED)),
    Row("one packet of sound far behind", (("<.mkv>", *PLAIN), ("-i", "{s1}", "-c", "copy", "-bsf:a", "setts=ts=if(gt(N\\,60)\\,TS+36000/TB\\,TS)")), ".mkv", notes=notes(N.SOUND_CUT)),
    Row("WebM with alpha", ((*video(form="yuva420p"), *SOUND, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-crf", "15", "-c:a", "libopus"),), ".webm", notes=notes(N.ALPHA_DROPPED)),
)  # fmt: skip

CONTAINERS = (
    Row("WMV", ((*video(), *SOUND, "-c:v", "wmv2", "-b:v", "3M", "-c:a", "wmav2"),), ".wmv", likeness=9.0),
    Row("FLV", ((*video(), *SOUND, "-c:v", "flv1", "-q:v", "3", "-c:a", "mp3", "-ar", "44100"),), ".flv", "h265"),
    Row("3GP", ((*video("176x144"), *SOUND, "-c:v", "h263", "-q:v", "3", "-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1", "-b:a", "12.2k"),), ".3gp"),
    Row("MPEG-1", ((*video(), *SOUND, "-c:v", "mpeg1video", "-q:v", "3", "-c:a", "mp2"),), ".mpeg", "av1"),
    Row("MPEG-4 in AVI with B-frames", ((*video(), *SOUND, "-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-c:a", "mp3"),), ".avi"),
    Row("H.264 in AVI", ((*video(), *SOUND, *FAST, "-bf", "2", "-c:a", "mp3"),), ".avi", "h265", sound_offset=-0.06),
    Row("M4V", (PLAIN,), ".m4v", "av1", "high"),
    Row("VP8 with hidden frames", ((*video(), *SOUND, "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "2M", "-c:a", "libvorbis"),), ".webm", likeness=9.0),
    Row("AV1 to H.265", ((*video(), *SOUND, "-c:v", "libsvtav1", "-preset", "12", "-crf", "15", "-c:a", "libopus"),), ".webm", "h265"),
    Row("H.264 is H.264 already", ((*video(), *SOUND, *FAST, "-pix_fmt", "yuv420p", *AAC),), ".mkv", "h264", "lossless", notes=notes(N.REMUXED)),
    Row("hev1 becomes hvc1", ((*video(), *SOUND, *X265, "log-level=error", *AAC),), ".mkv", "h265", "lossless", notes=notes(N.REMUXED)),
    Row("begins inside a GOP", (("<.ts>", *video(seconds=3), "-f", "lavfi", "-i", "sine=d=3", *FAST, "-g", "20", "-pix_fmt", "yuv420p", *AAC), ("-i", "{s1}", "-c", "copy", "-bsf:v", "noise=drop='lt(n,7)'")), ".ts", frames=range(50, 76), likeness=None, sound_offset=None),
    Row("fragmented MP4", ((*PLAIN, "-movflags", "+frag_keyframe+empty_moov"),), ".mp4", "h265"),
    Row("junk before the head", ((*PLAIN,),), ".ts", change=junk_head),
)  # fmt: skip

DAMAGED = (
    Row("broken tail MKV", (PLAIN,), ".mkv", change=cut_tail, frames=range(15, 50), likeness=None, sound_offset=None, notes=notes(N.SOURCE_DAMAGED)),
    Row("sound that is noise", (("<.mkv>", *PLAIN), ("-i", "{s1}", "-c", "copy", "-bsf:a", "noise=amount=1")), ".mkv", sound_tracks=0, notes=notes(N.SOURCE_DAMAGED, N.TRACKS_DROPPED)),
    Row("broken tail TS", (PLAIN,), ".ts", "h265", change=cut_tail, frames=range(15, 50), likeness=None, sound_offset=None),
    Row("broken tail lossless", (PLAIN,), ".ts", "h265", "lossless", change=cut_tail, frames=range(15, 50), likeness=None, sound_offset=None),
    Row("scratched middle", ((*PLAIN, "-g", "10"),), ".mkv", change=scratch, frames=range(20, 51), likeness=None, sound_offset=None, notes=notes(N.SOURCE_DAMAGED)),
)  # fmt: skip

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/passwd"/></svg>'


def refused(
    name: str, content: bytes | None = None, *steps: tuple[str, ...], suffix: str = ".mp4", **row: object
) -> Row:
    """A row that ends as MEDIA_INVALID."""
    return dataclasses.replace(
        Row(name, steps, suffix, content=content, refused="MEDIA_INVALID"),
        **row,  # type: ignore[arg-type]
    )


HOSTILE = (
    refused("empty file", b""),
    refused("plain text", b"This is no film.\n" * 50),
    refused("playlist named mp4", PLAYLIST),
    refused("concat script", b"ffconcat version 1.0\nfile /etc/passwd\n", suffix=".mkv"),
    refused("SVG that includes a file", SVG),
    refused("session description", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9999 RTP/AVP 96\na=rtpmap:96 H264/90000\n", suffix=".mpg"),
    refused("DASH manifest", b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>'),
    refused("picture named mp4", None, ("<.png>", *video(seconds=0.04))),
    refused("animated GIF", None, ("<.gif>", *video("64x64")), suffix=".mov"),
    refused("only sound", None, (*SOUND, *AAC)),
    refused("only sound and cover art", None, ("<.png>", *video("64x64", seconds=0.04)), ("-i", "{s1}", *SOUND, "-map", "1", "-map", "0", "-c:v", "copy", *AAC, "-disposition:v:0", "attached_pic")),
    refused("archive", b"PK\x03\x04" + bytes(2000), suffix=".avi"),
    refused("MP4 without its index", None, PLAIN, change=no_index),
    refused("nothing but noise behind the head", None, (*video(), *FAST), suffix=".mkv", change=noise_payload),
    refused("256 megapixels", None, ("-f", "lavfi", "-i", "color=s=16000x16000:d=0.04", "-c:v", "png", "-compression_level", "1"), suffix=".mkv"),
    refused("Matroska head alone", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webmB\x87\x81\x02B\x85\x81\x02", suffix=".webm"),
)  # fmt: skip

RIGHT: tuple[Row, ...] = (*GEOMETRY, *PIXELS, *CADENCE, *SOUNDS, *EXTRAS, *CONTAINERS, *DAMAGED)
