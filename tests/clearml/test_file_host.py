"""The unmodified SDK keeps its files with the node: artifacts, models, images, whatever they are called."""

from __future__ import annotations

import json

# Not with "#": the SDK itself takes what follows for a fragment of the address.
NAMES = ["plain.txt", "with space & 100% 1+2=3.bin", "Übung/模型 №1.bin", 'quo"ted.csv', "a/b/c.tar.gz"]


async def test_the_sdk_uploads_finds_downloads_and_deletes(sdk, served):
    script = await sdk(
        """
        import json, os, sys
        from pathlib import Path
        from clearml import StorageManager
        from clearml.storage.helper import StorageHelper

        host, names, seen = sys.argv[1], json.loads(sys.argv[2]), []
        source = Path("source")
        for number, name in enumerate(names):
            data = os.urandom(1000 * (number + 1))
            source.write_bytes(data)
            url = StorageManager.upload_file(str(source), f"{host}/project/task.1/{name}")
            copy = StorageManager.get_local_copy(url, extract_archive=False, force_download=True)
            there = StorageManager.exists_file(url), StorageManager.get_file_size_bytes(url)
            gone = StorageHelper.get(url).delete(url), StorageManager.exists_file(url)
            seen.append([Path(copy).read_bytes() == data, *there, *gone])
        print(json.dumps(seen))
        """,
        served.files_url,
        json.dumps(NAMES),
    )
    assert script.result == [[True, True, 1000 * (n + 1), True, False] for n in range(len(NAMES))]
    assert (await served.node.files.count(), served.node.files.used) == (0, 0)


async def test_large_and_small_files_at_once(sdk, served):
    script = await sdk(
        """
        import hashlib, json, os, sys
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path
        from clearml import StorageManager

        def through(number):
            data = os.urandom(40_000_000 if number == 0 else 1000)
            path = Path(f"f{number}")
            path.write_bytes(data)
            url = StorageManager.upload_file(str(path), f"{sys.argv[1]}/many/f{number}")
            copy = StorageManager.get_local_copy(url, extract_archive=False, force_download=True)
            return Path(copy).read_bytes() == data

        with ThreadPoolExecutor(6) as pool:
            print(json.dumps(list(pool.map(through, range(12)))))
        """,
        served.files_url,
    )
    assert script.result == [True] * 12
    assert await served.node.files.count() == 12


async def test_a_full_quota_is_an_error_that_the_sdk_tells_and_does_not_try_again(sdk, start, tmp_path):
    async with start(tmp_path / "small", files_quota=1_000_000) as small:
        script = await sdk(
            """
            import json, sys, time
            from pathlib import Path
            from clearml import StorageManager

            Path("big").write_bytes(bytes(3_000_000))
            began = time.monotonic()
            try:
                StorageManager.upload_file("big", f"{sys.argv[1]}/big")
                told = ""
            except Exception as error:
                told = str(error)
            print(json.dumps([told, time.monotonic() - began]))
            """,
            small.files_url,
            CLEARML_API_HOST=small.url,
            CLEARML_FILES_HOST=small.files_url,
            CLEARML_API_ACCESS_KEY=small.node.first_key.access_key,
            CLEARML_API_SECRET_KEY=small.node.first_key.secret_key,
        )
        told, seconds = script.result
        assert "507" in told + script.errors + script.output
        assert "quota of 1,000,000 bytes" in told + script.errors + script.output
        assert seconds < 30
        assert small.node.files.used == 0
