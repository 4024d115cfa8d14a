#!/bin/sh
# A child that does what the file's name says instead of reading the file.
read -r terms
read -r request
echo '"taken"'
name=${request#*\"fileName\":\"}
name=${name%%\"*}
case $name in
    silent) exec sleep 1000 ;;
    # Takes all bytes, and then says nothing.
    mute) cat >/dev/null; exec sleep 1000 ;;
    flood) exec yes '{"metadata":{"title":"again"}}' ;;
    # One line without end, while input is taken.
    drone) cat >/dev/null & exec tr '\0' x </dev/zero ;;
    nonsense) echo 'Segmentation fault' ;;
    wrong-type) echo '{"type":"Text/HTML; charset=x"}' ;;
    # Knows enough at once, takes no bytes, and lingers.
    brief) echo '{"type":"text/plain"}'; echo '{"end":null}'; exec <&- ; exec sleep 1000 ;;
    # Says what it knows, then dies.
    half) echo '{"type":"application/pdf"}'; echo '{"metadata":{"pageCount":3}}'; kill -SEGV $$ ;;
    trouble) echo '{"trouble":"the parser failed to make a temporary file"}' ;;
    out-of-memory) echo 'memory allocation of 4096 bytes failed' >&2; kill -ABRT $$ ;;
    chatter) yes 'secret content' | head -c 1000000 >&2; echo 'thread has overflowed its stack' >&2; kill -ABRT $$ ;;
    exit-*) exit "${name#exit-}" ;;
    *) kill -s "$name" $$ ;;
esac
