using System.Globalization;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>The values that a frame program can name besides the registers.</summary>
/// <param name="SearchStart">Where the search for the return address begins (.raSearch, .raSearchStart).</param>
/// <param name="Locals">.cbLocals.</param>
/// <param name="SavedRegisters">.cbSavedRegs.</param>
/// <param name="Parameters">.cbParams.</param>
public readonly record struct X86FrameSizes(uint SearchStart, uint Locals, uint SavedRegisters, uint Parameters);

/// <summary>
/// Evaluates the frame programs of PDBs: words in postfix notation that compute the registers of a function's caller, such
/// as <c>$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =</c>.
/// </summary>
/// <remarks>
/// Grammar: IDiaFrameData::get_program of Microsoft's documentation. ^ reads four bytes of memory, @ aligns downwards, = gives
/// a value to a variable. Programs come from files that anybody may have written: length and depth are bounded.
/// </remarks>
public static class X86FrameProgram
{
    private const int MostWords = 256;
    private const int MostDepth = 16;

    private const int Temporaries = 10;

    /// <summary>Registers by their index in a <see cref="CpuContext"/>, then $eip, $T0 to $T9, $L and $P.</summary>
    private const int Eip = 8, FirstTemporary = 9, LocalBase = FirstTemporary + Temporaries, ParameterBase = LocalBase + 1,
        Variables = ParameterBase + 1;

    private static readonly string[] s_registers = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"];

    /// <summary>Runs a program; false where it cannot be understood, or a value that it reads is not in memory.</summary>
    /// <param name="program">The program.</param>
    /// <param name="sizes">What it may name.</param>
    /// <param name="context">Registers in the frame; those of the caller where the answer is true, otherwise unchanged.</param>
    /// <param name="stack">Memory that holds the stack.</param>
    /// <param name="failedAt">Address of a value that cannot be read; 0 where the program is at fault.</param>
    public static bool TryRun(
        ReadOnlySpan<char> program, in X86FrameSizes sizes, ref CpuContext context, IMemory stack, out ulong failedAt)
    {
        failedAt = 0;
        Span<uint> variables = stackalloc uint[Variables];
        variables.Clear();
        for (int i = 0; i < Eip; i++)
            variables[i] = (uint)context.Registers[i];
        variables[Eip] = (uint)context.InstructionPointer;
        Span<long> values = stackalloc long[MostDepth];
        int depth = 0;
        bool hasReturnAddress = false;
        int words = 0;
        foreach (Range range in program.Split(' '))
        {
            ReadOnlySpan<char> word = program[range];
            if (word.IsEmpty)
                continue;
            if (++words > MostWords)
                return false;
            if (word is "=")
            {
                if (depth < 2 || !TryVariable(values[depth - 2], out int target))
                    return false;
                variables[target] = Value(values[depth - 1], variables);
                hasReturnAddress |= target == Eip;
                depth -= 2;
            }
            else if (word is "^")
            {
                if (depth < 1)
                    return false;
                failedAt = Value(values[depth - 1], variables);
                if (!stack.TryReadUInt32(failedAt, out uint read))
                    return false;
                failedAt = 0;
                values[depth - 1] = read;
            }
            else if (word.Length == 1 && "+-*/%@".Contains(word[0]))
            {
                if (depth < 2 || !TryCompute(word[0], Value(values[depth - 2], variables), Value(values[depth - 1], variables),
                    out uint result))
                    return false;
                values[--depth - 1] = result;
            }
            else if (depth == MostDepth || !TryPush(word, sizes, out values[depth++]))
                return false;
        }
        if (!hasReturnAddress || depth != 0)
            return false;
        for (int i = 0; i < Eip; i++)
            context.Registers[i] = variables[i];
        context.InstructionPointer = variables[Eip];
        return true;
    }

    private static bool TryCompute(char word, uint left, uint right, out uint result)
    {
        result = unchecked(word switch
        {
            '+' => left + right,
            '-' => left - right,
            '*' => left * right,
            '/' when right != 0 => left / right,
            '%' when right != 0 => left % right,
            '@' => left & ~(right - 1),
            _ => 0,
        });
        return right != 0 || word is not ('/' or '%');
    }

    /// <summary>Variables stand on the stack as negative numbers, so that = knows where a value is to go.</summary>
    private static bool TryPush(ReadOnlySpan<char> word, in X86FrameSizes sizes, out long value)
    {
        value = word switch
        {
            ".raSearch" or ".raSearchStart" => sizes.SearchStart,
            ".cbLocals" => sizes.Locals,
            ".cbSavedRegs" => sizes.SavedRegisters,
            ".cbParams" => sizes.Parameters,
            _ => 0,
        };
        if (word[0] == '.')
            return value != 0 || word is ".cbLocals" or ".cbSavedRegs" or ".cbParams";
        if (word[0] != '$')
        {
            bool isNumber = int.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number);
            value = unchecked((uint)number);
            return isNumber;
        }
        int index = IndexOf(word[1..]);
        value = -1 - index;
        return index >= 0;
    }

    private static int IndexOf(ReadOnlySpan<char> name)
    {
        for (int i = 0; i < s_registers.Length; i++)
            if (name.SequenceEqual(s_registers[i]))
                return i;
        return name switch
        {
            "L" => LocalBase,
            "P" => ParameterBase,
            ['T', >= '0' and <= '9'] => FirstTemporary + name[1] - '0',
            _ => -1,
        };
    }

    private static bool TryVariable(long value, out int index)
    {
        index = (int)(-1 - value);
        return value < 0;
    }

    private static uint Value(long value, ReadOnlySpan<uint> variables) =>
        value < 0 ? variables[(int)(-1 - value)] : (uint)value;
}
