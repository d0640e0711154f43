#!/bin/bash
# Makes a vmcore of a hang or a crash, of an unchanged kernel of Debian, in a virtual machine without acceleration.
#   make.sh CASE [OUT]      CASE: waits, disks, rcu, spin, null, sysrq, nmi, hung or kdump; OUT: a folder, out/CASE if not told
#   KERNEL=6.12 make.sh ...  the newest kernel of a series (6.1 if not told)
# The folder then has vmcore, and NOTES with what the machine itself said was the truth. See README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
wanted=${1:?make.sh CASE [OUT]}
series=${KERNEL:-6.1}
out=$(realpath -m "${2:-$here/out/$wanted-$series}")
work=${WORK:-$here/work}/$series
memory=${MEMORY:-256}
mkdir -p "$out" "$work"

# Packages: tools are installed; the kernel and its headers are only unpacked, so that the boot loader stays as it is (headers of
# backports need their image).
need() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}
depends() { apt-cache depends "$1" | sed -n 's/^ *Depends: //p'; }
fetch() {
    local package
    for package in "$@"; do
        (cd "$work" && apt-get download "$package" && dpkg-deb -x "${package}"_*.deb root && rm "${package}"_*.deb)
    done
}
if [ ! -f "$work/version" ]; then
    need qemu-system-x86 busybox-static cpio gcc libc6-dev linux-libc-dev make dwarves e2fsprogs lz4 xz-utils zstd makedumpfile
    version=$(apt-cache search --names-only "^linux-image-${series//./\\.}\\.[0-9.]*[-+].*cloud-amd64-unsigned\$" | cut -d' ' -f1 |
        sed 's/^linux-image-//; s/-unsigned$//' | sort -V | tail -1)
    [ -n "$version" ] || { echo "no kernel of series $series; apt-get update, or add backports" >&2; exit 1; }
    fetch "linux-image-$version-unsigned"
    headers=linux-headers-$version
    kbuild=$(depends "$headers" | grep '^linux-kbuild-')
    common=$(depends "$headers" | grep '^linux-headers-.*-common$')
    need "$(depends "$headers" | sed -n 's/^linux-compiler-//; s/^\(gcc-[0-9]*\).*/\1/p' | head -1)"
    fetch "$headers" "$common" "$kbuild"
    # Their own paths begin at /usr/src.
    sed -i "s|/usr/src|$work/root/usr/src|" "$work/root/usr/src/$headers/Makefile"
    echo "$version" > "$work/version"
fi
version=$(cat "$work/version")
kernel=$work/root/boot/vmlinuz-$version

# The types of modules are told as what they add to those of the kernel, which lie in the image that vmlinuz packs.
unpack_kernel() {
    local at
    while read -r magic tool; do
        at=$(LC_ALL=C grep -abobUP "$magic" "$kernel" | head -1 | cut -d: -f1) || continue
        [ -n "$at" ] || continue
        tail -c +$((at + 1)) "$kernel" | $tool > "$work/vmlinux" 2> /dev/null || true
        readelf -S "$work/vmlinux" 2> /dev/null | grep -q '\.BTF ' && return 0
    done << 'KINDS'
\x02\x21\x4c\x18 lz4 -dc
\x28\xb5\x2f\xfd zstd -dc
\xfd7zXZ\x00 xz -dc
\x1f\x8b\x08 gzip -dc
KINDS
    echo "$kernel is packed in a way that is not known here" >&2
    return 1
}
[ -f "$work/vmlinux.done" ] || { unpack_kernel && touch "$work/vmlinux.done"; }

build_modules() {
    rm -rf "$work/modules" && cp -r "$here/modules" "$work/modules"
    make -s -C "$work/root/usr/src/linux-headers-$version" M="$work/modules" modules > "$work/modules.log" 2>&1 || { cat "$work/modules.log"; return 1; }
    for module in "$work"/modules/*.ko; do
        LLVM_OBJCOPY=objcopy pahole -J -j --btf_base "$work/vmlinux" "$module"
        strip --strip-debug "$module"
    done
}

# pack_machine ROOT FILE: the first memory disk of the machine
pack_machine() {
    (cd "$1" && find . | cpio -o -H newc --quiet | gzip -1) > "$2"
}

build_machine() {
    local root=$work/machine module
    rm -rf "$root" && mkdir -p "$root"/{bin,modules,proc,sys,dev}
    cp /bin/busybox "$root/bin/busybox" && ln -s busybox "$root/bin/sh"
    gcc -O1 -Wall -static -pthread -s -o "$root/bin/actor" "$here/guest/actor.c"
    install -m 755 "$here/guest/init" "$root/init"
    cp "$work"/modules/*.ko "$root/modules/"
    for module in qemu_fw_cfg fuse; do
        module=$(find "$work/root" -name "$module.ko*" | head -1)
        case $module in
            *.xz) xz -dc "$module" > "$root/modules/$(basename "${module%.xz}")" ;;
            *.zst) zstd -dcq "$module" > "$root/modules/$(basename "${module%.zst}")" ;;
            *.ko) cp "$module" "$root/modules/" ;;
        esac
    done
    mkdir -p "$work/files" && head -c 16384 /dev/urandom > "$work/files/file"
    rm -f "$root/ext4.image"
    mke2fs -q -t ext4 -b 1024 -I 256 -J size=4 -d "$work/files" "$root/ext4.image" 16M
    pack_machine "$root" "$work/initrd"
    mkdir -p "$root/crash" && cp "$kernel" "$root/crash/vmlinuz" && cp "$work/initrd" "$root/crash/initrd"
    pack_machine "$root" "$work/initrd.kdump"
}
if [ ! -f "$work/initrd" ] || [ -n "$(find "$here/modules" "$here/guest" -newer "$work/initrd" -type f)" ]; then
    build_modules
    build_machine
fi

case $wanted in
    null | sysrq | hung) marker='end Kernel panic' ;;
    nmi | waits | disks | rcu | spin) marker='^READY' ;;
    kdump) marker='^SAVED' ;;
    *) echo "no such case: $wanted" >&2; exit 1 ;;
esac
processors=2 initrd=$work/initrd words="console=ttyS0 panic=0 case=$wanted" devices=(-device vmcoreinfo)
# In virtual machines the kernel spins in a simple way; without that knowledge it has the queue that real ones have.
[ "$wanted" != spin ] || { processors=4; CPU=${CPU:-qemu64,-hypervisor}; }
if [ "$wanted" = kdump ]; then
    memory=${MEMORY:-512} initrd=$work/initrd.kdump words="$words crashkernel=192M"
    rm -f "$out/disk" && truncate -s ${memory}M "$out/disk"
    devices=(-drive "file=$out/disk,format=raw,if=none,id=disk" -device nvme,serial=1,drive=disk)
fi

rm -f "$out"/{vmcore,vmcore.incomplete,serial,monitor,NOTES} && mkfifo "$out/monitor"
exec 3<> "$out/monitor"
qemu-system-x86_64 -accel tcg,thread=multi -M pc -cpu "${CPU:-qemu64}" -smp $processors -m "$memory" -display none -nodefaults -no-reboot \
    "${devices[@]}" -serial "file:$out/serial" -monitor stdio -kernel "$kernel" -initrd "$initrd" -append "$words" \
    <&3 > "$out/qemu.log" 2>&1 &
machine=$!
trap 'kill $machine 2> /dev/null || true; rm -f "$out/monitor" "$out/disk"' EXIT

# wait_for WORDS: until the machine says so on its console
wait_for() {
    for ((i = 0; i < ${PATIENCE:-900}; i++)); do
        sleep 1
        grep -aq "$1" "$out/serial" 2> /dev/null && return 0
        kill -0 $machine 2> /dev/null || break
    done
    echo "the machine did not say '$1':" >&2
    tail -5 "$out/serial" "$out/qemu.log" >&2
    return 1
}
wait_for "$marker"
if [ "$wanted" = nmi ]; then
    echo nmi >&3
    wait_for 'end Kernel panic'
fi
sleep 2
if [ "$wanted" = kdump ]; then
    echo quit >&3
    head -c "$(sed -n 's/^SAVED \([0-9]*\).*/\1/p' "$out/serial")" "$out/disk" > "$out/vmcore.elf"
    makedumpfile -c -d 31 "$out/vmcore.elf" "$out/vmcore" > "$out/makedumpfile.log" 2>&1
    # Of kernels that are newer than itself makedumpfile leaves out pages of the kernel: then all are kept.
    if grep -q 'not supported' "$out/makedumpfile.log"; then
        mv "$out/vmcore" "$out/vmcore.incomplete"
        makedumpfile -c -d 0 "$out/vmcore.elf" "$out/vmcore" >> "$out/makedumpfile.log" 2>&1
    fi
    rm "$out/vmcore.elf"
else
    echo "dump-guest-memory -z $out/vmcore" >&3
    echo quit >&3
fi
wait $machine || true
{
    echo "case $wanted, Linux $version, made $(date -u +%F)"
    tr -d '\r' < "$out/serial" | grep -a 'TRUTH' | sed 's/^.*TRUTH/TRUTH/'
} > "$out/NOTES"
ls -l "$out/vmcore"
grep -c TRUTH "$out/NOTES"
