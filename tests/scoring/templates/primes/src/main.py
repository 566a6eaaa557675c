"""An asynchronous model, CSV to CSV, with a file beside it."""

import asyncio
import csv
from pathlib import Path

from gravityai import gravityai as grav

small = [int(line) for line in Path("small.txt").read_text().split()]


async def process(input_path, output_path):
    await asyncio.to_thread(judge, Path(input_path), Path(output_path))


def judge(input_path, output_path):
    with input_path.open() as given, output_path.open("w", newline="") as made:
        results = csv.writer(made)
        results.writerow(["number", "prime"])
        for record in csv.DictReader(given):
            number = int(record["number"])
            results.writerow([number, all(number % low or number == low for low in small)])


grav.wait_for_requests(process)
