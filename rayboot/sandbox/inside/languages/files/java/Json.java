package rayboot;

import java.util.LinkedHashMap;
import java.util.Map;

/** As much JSON as the compile server speaks: objects of texts, of null and, in what is written, of further objects. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Map<String, String> read(String text) {
        return new Json(text).object();
    }

    static String write(Map<String, ?> object) {
        StringBuilder out = new StringBuilder("{");
        for (Map.Entry<String, ?> entry : object.entrySet()) {
            out.append(out.length() > 1 ? "," : "").append(quote(entry.getKey())).append(":");
            @SuppressWarnings("unchecked")
            String value = entry.getValue() instanceof Map<?, ?> inner
                    ? write((Map<String, ?>) inner)
                    : quote((String) entry.getValue());
            out.append(value);
        }
        return out.append("}").toString();
    }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append("\"").toString();
    }

    private Map<String, String> object() {
        Map<String, String> entries = new LinkedHashMap<>();
        expect('{');
        while (next() != '}') {
            String key = string();
            expect(':');
            entries.put(key, next() == 'n' ? nothing() : string());
            if (next() == ',') {
                at++;
            }
        }
        return entries;
    }

    private String nothing() {
        at += "null".length();
        return null;
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

    private char next() {
        while (Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return text.charAt(at);
    }

    private void expect(char c) {
        if (next() != c) {
            throw new IllegalArgumentException("expected " + c + " at " + at);
        }
        at++;
    }
}
