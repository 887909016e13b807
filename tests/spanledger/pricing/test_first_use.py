"""What importing and using the room does to a process."""

import subprocess
import sys


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_and_making_a_book_imports_no_price_data() -> None:
    assert (
        run(
            "import sys; from spanledger.pricing import PriceBook; PriceBook();"
            "print(sorted({'genai_prices', 'pydantic', 'httpx2', 'yaml', 'opentelemetry.sdk'} & set(sys.modules)))"
        )
        == "[]"
    )


def test_the_first_price_imports_neither_the_source_nor_a_yaml_reader() -> None:
    assert (
        run(
            "import sys\n"
            "from spanledger.pricing import PriceBook\n"
            "from spanledger.usage import Usage\n"
            "PriceBook().price(Usage(input=1000, output=500), provider='openai', model='gpt-4o-mini')\n"
            "print(sorted({'genai_prices', 'pydantic', 'httpx2', 'yaml'} & set(sys.modules)))"
        )
        == "[]"
    )


def test_a_price_is_found_without_a_network_and_without_a_thread() -> None:
    assert (
        run(
            "import socket, threading\n"
            "def refuse(*args, **kwargs): raise AssertionError('no network')\n"
            "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
            "from spanledger.pricing import PriceBook\n"
            "from spanledger.usage import Usage\n"
            "price = PriceBook().price(Usage(input=1000, output=500), provider='openai', model='gpt-4o-mini')\n"
            "print(price.nano_usd, threading.active_count())"
        )
        == "450000 1"
    )
