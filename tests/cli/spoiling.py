"""Files broken in the usual ways."""


def cut(path, size=-40):
    path.write_bytes(path.read_bytes()[:size])


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0x10
    path.write_bytes(content)
