"""What the specification of the backend names is importable where it names it."""

from __future__ import annotations

import importlib
import inspect

import pytest

METHODS = {
    "src.services.video_service.VideoService.download_video_segment": (
        "url start_time end_time output_path format_preference resolution_preference video_id progress_callback"
    ),
    "src.services.youtube_service.YouTubeService.validate_video_id": "video_id",
    "src.services.youtube_service.YouTubeService.parse_video_id_from_url": "url",
    "src.services.youtube_service.YouTubeService.get_video_info": "video_id",
    "src.services.youtube_service.YouTubeService.get_available_formats": "video_id",
    "src.services.encoding_service.EncodingService.encode_video_to_mp4": "",
    "src.services.encoding_service.EncodingService.validate_video_file": "file_path",
    "src.services.encoding_service.EncodingService.get_video_metadata": "file_path",
    "src.services.cleanup_service.CleanupService.run": "",
    "src.services.progress_cache.ProgressCache.set_progress": "progress_data",
    "src.services.progress_cache.ProgressCache.get_progress": "",
}
MODULES = (
    "src.app src.config src.models.user src.models.session src.models.video src.routes.auth src.routes.video "
    "src.routes.encode src.middleware.auth src.utils.token src.utils.validators src.data.video_data "
    "src.services.video_service src.services.youtube_service src.services.encoding_service "
    "src.services.cleanup_service src.services.cache_service src.services.progress_cache src.services.db_service "
    "src.services.ffmpeg_utils_service"
)


@pytest.mark.parametrize("path", METHODS)
def test_a_method_is_where_the_specification_names_it(path: str) -> None:
    module, owner, method = path.rsplit(".", 2)
    found = getattr(getattr(importlib.import_module(module), owner), method)
    assert set(METHODS[path].split()) <= set(inspect.signature(found).parameters)


@pytest.mark.parametrize("module", MODULES.split())
def test_a_module_is_where_the_specification_names_it(module: str) -> None:
    assert inspect.getdoc(importlib.import_module(module))


def test_gunicorn_finds_the_application() -> None:
    assert callable(importlib.import_module("start_server").create_application)
