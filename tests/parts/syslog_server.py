"""A collector of syslog that reads RFC 5425 frames and RFC 5424 messages strictly, and prints what it got.

usage: syslog_server.py CERTIFICATE KEY AUTHORITY TLS_PORT MUTUAL_PORT CLEAR_PORT

It listens with TLS, with TLS that asks for a certificate, and in the clear. It prints `ready`, and then one line of JSON a
connection. What is not in the grammar is an error there; the `syslog-rfc5424-parser` package judges each message as well.
"""

import asyncio
import json
import re
import ssl
import sys

# RFC 5424, section 6, word by word; SD-NAME and PARAM-VALUE as section 6.3 narrows them.
NAME = r"[!#-<>-\\^-~]{1,32}"
VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
PARAM = rf'{NAME}="{VALUE}"'
ELEMENT = rf"\[{NAME}(?: {PARAM})*\]"
MESSAGE = re.compile(
    r"<(?P<priority>0|[1-9]\d{0,2})>(?P<version>[1-9]\d{0,2})"
    r" (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)|-)"
    r" (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<kind>[!-~]{1,32})"
    rf" (?P<data>-|(?:{ELEMENT})+)(?: (?P<text>.*))?",
    re.DOTALL,
)


def frames(stream):
    """Octet counting: the length without leading zeros, a blank, and that many bytes."""
    while stream:
        head = re.match(rb"([1-9]\d*) ", stream)
        if head is None:
            raise ValueError(f"no frame begins with {stream[:20]!r}")
        end = head.end() + int(head[1])
        if end > len(stream):
            raise ValueError(f"a frame of {int(head[1])} bytes ends after {len(stream) - head.end()}")
        yield stream[head.end() : end]
        stream = stream[end:]


def message(raw):
    import syslog_rfc5424_parser

    text = raw.decode("utf-8")
    found = MESSAGE.fullmatch(text)
    if found is None:
        raise ValueError(f"not RFC 5424: {text!r}")
    if int(found["priority"]) > 191:
        raise ValueError("no such priority")
    elements = {}
    for element in re.finditer(ELEMENT, found["data"]):
        name = re.match(rf"\[({NAME})", element[0])[1]
        if name in elements:
            raise ValueError(f"{name} stands there twice")
        pairs = re.findall(rf'({NAME})="({VALUE})"', element[0])
        elements[name] = {key: re.sub(r'\\(["\\\]])', r"\1", value) for key, value in pairs}
    # The library leaves the escapes of values as they are.
    library = syslog_rfc5424_parser.SyslogMessage.parse(text).as_dict()
    unescaped = {
        name: {key: re.sub(r'\\(["\\\]])', r"\1", value) for key, value in values.items()}
        for name, values in library["sd"].items()
    }
    if unescaped != elements or library["msgid"] != found["kind"]:
        raise ValueError(f"the library reads something else: {library}")
    return {**found.groupdict(), "data": elements, "bytes": len(raw), "severity": library["severity"]}


async def main(certificate, key, authority, tls_port, mutual_port, clear_port):
    async def serve(reader, writer):
        told = {"port": writer.get_extra_info("sockname")[1], "tls": writer.get_extra_info("ssl_object") is not None}
        peer = writer.get_extra_info("peercert")
        told["peer"] = dict(pair for part in peer["subject"] for pair in part)["commonName"] if peer else None
        try:
            told["messages"] = [message(frame) for frame in frames(await reader.read())]
        except (ValueError, OSError) as error:
            told["error"] = repr(error)
        print(json.dumps(told), flush=True)
        writer.close()

    def context(asks):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
        context.load_cert_chain(certificate, key)
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        return context

    for port, encryption in [(tls_port, context(False)), (mutual_port, context(True)), (clear_port, None)]:
        await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=encryption)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
