#!/bin/sh
# Assembles guest.S into guest.bin, or into the file named first.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object"' EXIT
as --64 -o "$object" guest.S
ld -m elf_x86_64 -N -Ttext=0x100000 -e start --oformat binary -o "${1:-guest.bin}" "$object"
chmod 644 "${1:-guest.bin}"
