#!/bin/sh
# Prints the path of a Python that set-up can use: 3.11 to 3.14, with the venv module.
# Ends with words and a non-zero code where there is none.
probe='
import sys
version = sys.version_info[:2]
said = "%d.%d" % version
if version < (3, 11):
    print("old " + said)
elif version > (3, 14):
    print("new " + said)
else:
    try:
        import ensurepip, venv
        print("fit " + (getattr(sys, "_base_executable", "") or sys.executable))
    except ImportError:
        print("bare " + said)
'
old="" new="" bare=""
for name in python3 python3.13 python3.12 python3.14 python3.11; do
    answer=$("$name" -c "$probe" 2>/dev/null) || continue
    case $answer in
        "fit "*) echo "${answer#fit }"; exit 0 ;;
        "old "*) old="${old:-$name is version ${answer#old }}" ;;
        "new "*) new="${new:-$name is version ${answer#new }}" ;;
        "bare "*) bare="${bare:-$name}" ;;
    esac
done

if [ -n "$bare" ]; then
    echo "Caselight: $bare has no venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2
elif [ -n "$new" ]; then
    echo "Caselight's locked packages go up to Python 3.14, and $new. Install Python 3.11 to 3.14 beside it and run this again." >&2
elif [ -n "$old" ]; then
    echo "Caselight needs Python 3.11 or later, and $old. Install Python 3.11 to 3.14 and run this again." >&2
else
    echo "Caselight needs Python 3.11 or later, and no python3 was found. Install Python 3.11 to 3.14 and run this again." >&2
fi
exit 1
