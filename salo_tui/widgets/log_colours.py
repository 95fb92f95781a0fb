"""The colours of a log pane, by the parts of its rows, for every theme."""

CSS = """
RingLog {
    color: $foreground; background: $background;
    & > .ring-log--frame { color: $text-muted; }
    & > .ring-log--status { color: $text-muted; }
    & > .ring-log--text { color: $foreground; }
    & > .ring-log--time { color: $text-muted; }
    & > .ring-log--source { color: $text-secondary; }
    & > .ring-log--debug { color: $text-muted; }
    & > .ring-log--info { color: $text-muted; }
    & > .ring-log--unsolved { color: $text-accent; text-style: bold; }
    & > .ring-log--warning { color: $text-warning; text-style: bold; }
    & > .ring-log--error { color: $text-error; text-style: bold; }
    & > .ring-log--notice { color: $text-primary; text-style: italic; }
    & > .ring-log--hit { color: $background; background: $warning; }
    & > .ring-log--current { color: $background; background: $warning; text-style: bold underline; }
    &:focus > .ring-log--frame { color: $border; }
}
"""
