package rayboot;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON without fractions: null, Boolean, Long, String, List and Map. */
final class Json {
    private static final int MAX_DEPTH = 1000;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /**
     * @throws IllegalArgumentException if it is not such JSON
     */
    static Object read(String text) {
        try {
            Json json = new Json(text);
            Object value = json.value();
            if (json.next() != 0) {
                throw new IllegalArgumentException("more than one value");
            }
            return value;
        } catch (IndexOutOfBoundsException error) {
            throw new IllegalArgumentException("cut off", error);
        }
    }

    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof String string) {
            quote(string, out);
        } else if (value instanceof List<?> items) {
            char separator = '[';
            for (Object item : items) {
                out.append(separator);
                write(item, out);
                separator = ',';
            }
            out.append(items.isEmpty() ? "[]" : "]");
        } else if (value instanceof Map<?, ?> entries) {
            char separator = '{';
            for (Map.Entry<?, ?> entry : entries.entrySet()) {
                quote((String) entry.getKey(), out.append(separator));
                write(entry.getValue(), out.append(':'));
                separator = ',';
            }
            out.append(entries.isEmpty() ? "{}" : "}");
        } else {
            out.append(value);
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                out.append("\\u").append(Integer.toHexString(0x10000 | c), 1, 5);
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private Object value() {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException("nested too deep");
        }
        return switch (next()) {
            case '{' -> object();
            case '[' -> list();
            case '"' -> string();
            case 'n' -> word("null", null);
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            default -> number();
        };
    }

    private Map<String, Object> object() {
        Map<String, Object> entries = new LinkedHashMap<>();
        depth++;
        for (char c = open('}'); c != '}'; c = further('}')) {
            next();
            String key = string();
            expect(':');
            entries.put(key, value());
        }
        depth--;
        return entries;
    }

    private List<Object> list() {
        List<Object> items = new ArrayList<>();
        depth++;
        for (char c = open(']'); c != ']'; c = further(']')) {
            items.add(value());
        }
        depth--;
        return items;
    }

    private char open(char close) {
        at++;
        char c = next();
        at += c == close ? 1 : 0;
        return c;
    }

    private char further(char close) {
        char c = next();
        if (c != close && c != ',') {
            throw new IllegalArgumentException("expected , at " + at);
        }
        at++;
        return c;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw new IllegalArgumentException("expected " + word + " at " + at);
        }
        at += word.length();
        return value;
    }

    private Long number() {
        int start = at;
        while (at < text.length() && (Character.isDigit(text.charAt(at)) || text.charAt(at) == '-')) {
            at++;
        }
        return Long.valueOf(text.substring(start, at));
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
            out.append(c == '\\' ? escaped(text.charAt(at++)) : c);
        }
        return out.toString();
    }

    private char escaped(char c) {
        switch (c) {
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'b': return '\b';
            case 'f': return '\f';
            case 'u':
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            default: return c;
        }
    }

    /** The next character that counts, or 0 at the end. */
    private char next() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : 0;
    }

    private void expect(char c) {
        if (next() != c) {
            throw new IllegalArgumentException("expected " + c + " at " + at);
        }
        at++;
    }
}
