package rayboot;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;

/**
 * The program's own process: answers the calls of a test file. Nothing here has to resist the program, which can change
 * all of it: an answer is only ever data, judged elsewhere.
 */
final class Runner extends Remote {
    private final Channel channel = new Channel();
    private final ClassLoader loader = ClassLoader.getSystemClassLoader();
    private Long number = 0L;

    /** Answers until there is nobody to ask. */
    static void serve() throws IOException {
        Runner runner = new Runner();
        current = runner;
        System.setIn(InputStream.nullInputStream());
        runner.channel.send(List.of("ready"));
        while (true) {
            runner.answer((List<?>) runner.receive().value());
        }
    }

    @Override
    void send(String kind, Object value, List<?> changes) throws IOException {
        System.out.flush();
        System.err.flush();
        channel.send(java.util.Arrays.asList(number, kind, value, changes));
    }

    @Override
    Message receive() throws IOException {
        List<?> message = (List<?>) channel.receive();
        number = (Long) message.get(0);
        return new Message((String) message.get(1), message.get(2), message.size() > 3 ? (List<?>) message.get(3) : List.of());
    }

    @Override
    Object serve(Object target, List<?> call, Object[] arguments) throws Throwable {
        Class<?> type = resolve((String) call.get(1));
        return invoke(target, type, (String) call.get(2), (String) call.get(3), arguments);
    }

    /** Literals of the test file are interned, as if it were in this process: a program may compare them by ==. */
    @Override
    Object decode(Object data) {
        Object value = super.decode(data);
        return value instanceof String text ? text.intern() : value;
    }

    @Override
    Class<?> resolve(String name) {
        try {
            return Class.forName(name, false, loader);
        } catch (ClassNotFoundException | LinkageError error) {
            return null;
        }
    }

    /** A lambda of the test's, or another object of its that is known by interfaces. */
    @Override
    Object standIn(List<?> names) {
        List<Class<?>> interfaces = names.stream().<Class<?>>map(name -> resolve((String) name))
                .filter(type -> type != null && type.isInterface()).toList();
        return interfaces.isEmpty() ? new Opaque("an object of the test file") : proxy(interfaces, loader);
    }

    @Override
    Throwable thrown(Map<?, ?> description) {
        return new RuntimeException((String) description.get("message"));
    }
}
