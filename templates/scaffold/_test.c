{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# What the qtests of both kinds of device begin with. #}
#define TYPE {{ test.type }}

{% if test.cases %}
typedef struct PropertyCase {
    const char *name;
    const char *unset; /* what it is if nobody sets it, as JSON; or unknown */
    const char *good; /* a value that it takes, */
    const char *read; /* and what that reads as, in JSON */
    const char *bad; /* a value that it refuses, */
    const char *error; /* and QEMU's words for it */
    bool late; /* whether it may be set on a realized device */
} PropertyCase;

static const PropertyCase properties[] = {
{% for case in test.cases %}
{{ case.row }}
{% endfor %}
};

{% endif %}
/* What the human monitor says to a command, without the last line's end. */
static char *G_GNUC_PRINTF(2, 3) ask(QTestState *qts, const char *format, ...)
{
    g_autofree char *command = NULL;
    va_list arguments;

    va_start(arguments, format);
    command = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return g_strchomp(qtest_hmp(qts, "%s", command));
}

/* Takes what ask() returned. */
static void check_said(char *said, const char *expected)
{
    g_assert_cmpstr(said, ==, expected);
    g_free(said);
}
