# The part of `install` that takes Osteon away; read by it, and of no use alone.
# shellcheck shell=sh disable=SC2154 # the names are set in `install`

remove_program() {
    if [ -d /run/systemd/system ]; then systemctl stop 'osteon.*' 'osteon-*'; fi
    enabled=$(cd /usr/lib/systemd/system && grep -l '^\[Install\]' osteon* 2>/dev/null || true)
    # shellcheck disable=SC2086 # one argument for each unit
    if [ -n "$enabled" ]; then systemctl --quiet disable $enabled; fi
    if [ -e "$installed" ]; then xargs -r -d '\n' rm -rf <"$installed"; fi
    rm -rf "$program" "$command"
    rmdir "$models" "$(dirname "$models")" 2>/dev/null || true
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    step "the program is gone; Debian packages were left, others may use them"
}

say_what_is_kept() {
    step "kept: $settings (configuration), $state (studies, sealed), $master_key (their key)"
    step "a later install goes on with them; --uninstall --purge deletes them"
}

delete_data() {
    echo "This deletes the configuration $settings, every study in $state and the key that opens"
    echo "them. Alerts that were not yet delivered are lost. Nothing can be brought back."
    echo "It deletes, it does not wipe: sealed remains may stay on the disk, without their key."
    if [ "$sure" != yes ]; then
        printf 'Type PURGE to go on: '
        answer=
        read -r answer || true
        [ "$answer" = PURGE ] || fail "not purged; the program is gone, all data are kept" \
            "nothing, if that is what you want; otherwise run this again and type PURGE"
    fi
    # The key first: whatever ends this half-way, no study can be opened any more.
    rm -f "$master_key"
    rm -rf "$state" "$settings"
    step "configuration, studies and key are deleted"
}
