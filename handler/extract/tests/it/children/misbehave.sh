#!/bin/sh
# A child that does what the name of the file says instead of reading the file. Reports on the way go to standard error, the
# answer to standard output.
read -r config
read -r request
echo '{"sandbox":{"systemCalls":false,"files":false}}' >&2
echo '"accepted"' >&2
name=${request#*\"fileName\":\"}
name=${name%%\"*}
case $name in
    silent) exec sleep 1000 ;;
    # Reads all bytes, and then writes nothing.
    mute) cat >/dev/null; exec sleep 1000 ;;
    flood) exec yes '{"metadata":{"title":"again"}}' ;;
    # One line without end, while input is read.
    drone) cat >/dev/null & exec tr '\0' x </dev/zero ;;
    nonsense) echo 'Segmentation fault' ;;
    wrong-type) echo '{"type":"Text/HTML; charset=x"}' ;;
    wrong-report) echo '{"type":"Text/HTML; charset=x"}' >&2; echo '{"end":null}' ;;
    early-end) echo '{"end":null}' >&2; cat >/dev/null ;;
    # Claims a better sandbox than the one that was reported before the file was read.
    full-sandbox) echo '{"sandbox":{"systemCalls":true,"files":true}}' >&2; echo '{"end":null}' ;;
    sandbox-in-answer) echo '{"sandbox":{"systemCalls":true,"files":true}}'; echo '{"end":null}' ;;
    accepted-twice) echo '"accepted"' >&2; echo '{"end":null}' ;;
    # Knows enough at once, reads no bytes, and does not exit.
    brief) echo '{"type":"text/plain"}'; echo '{"end":null}'; exec <&- ; exec sleep 1000 ;;
    # Reports what it knows, then is killed.
    half) echo '{"type":"application/pdf"}' >&2; echo '{"metadata":{"pageCount":3}}' >&2; kill -SEGV $$ ;;
    internal-error) echo '{"internalError":"the parser failed to make a temporary file"}' ;;
    out-of-memory) echo 'memory allocation of 4096 bytes failed' >&2; kill -ABRT $$ ;;
    chatter) yes 'secret content' | head -c 60000 >&2; echo 'thread has overflowed its stack' >&2; kill -ABRT $$ ;;
    babble) exec yes 'secret content' >&2 ;;
    exit-*) exit "${name#exit-}" ;;
    *) kill -s "$name" $$ ;;
esac
