package rayboot;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Says whether what a program returned equals what was expected.
 *
 * Both are first copied into genuine JDK collections of genuine JDK values. So code of the program (a list of its own,
 * an object whose equals says yes) is asked for its elements only, and never sees the expected value.
 */
public final class Judge {
    private static final Set<Class<?>> SCALARS = Set.of(
            Boolean.class, Character.class, Byte.class, Short.class, Integer.class, Long.class, Float.class,
            Double.class, String.class, BigInteger.class, BigDecimal.class);

    private Judge() {}

    public static boolean equal(Object got, Object expected) {
        if (got == null || expected == null) {
            return got == expected;
        }
        Object plain = copy(got);
        return plain.equals(copy(expected));
    }

    private static Object copy(Object value) {
        if (value == null || SCALARS.contains(value.getClass())) {
            return value;
        }
        if (value instanceof List<?> list) {
            List<Object> elements = new ArrayList<>();
            for (Object element : list) {
                elements.add(copy(element));
            }
            return elements;
        }
        if (value instanceof Set<?> set) {
            Set<Object> elements = new HashSet<>();
            for (Object element : set) {
                elements.add(copy(element));
            }
            return elements;
        }
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> entries = new HashMap<>();
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                entries.put(copy(entry.getKey()), copy(entry.getValue()));
            }
            return entries;
        }
        if (value instanceof Map.Entry<?, ?> entry) {
            return new AbstractMap.SimpleImmutableEntry<>(copy(entry.getKey()), copy(entry.getValue()));
        }
        if (value instanceof Optional<?> optional) {
            return optional.map(Judge::copy);
        }
        return value.getClass().isArray() ? elements(value) : new Opaque(value);
    }

    /** An array equals arrays of its own type alone, never a list. */
    private static Object elements(Object array) {
        Object[] elements = new Object[Array.getLength(array)];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = copy(Array.get(array, i));
        }
        return new Elements(array.getClass(), Arrays.asList(elements));
    }

    private record Elements(Class<?> type, List<Object> values) {}

    /** What is not plain data equals itself alone. */
    private static final class Opaque {
        private final Object value;

        Opaque(Object value) {
            this.value = value;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Opaque opaque && opaque.value == value;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(value);
        }
    }
}
