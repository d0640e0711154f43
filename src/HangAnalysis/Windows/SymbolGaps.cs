namespace HangAnalysis.Windows;

/// <summary>Says what the kernel's symbols lack, and what that costs.</summary>
internal static class SymbolGaps
{
    /// <summary>Without the kernel's types nothing can be read: says what was looked for, and why what was found is not used.</summary>
    public static void TellSymbols(KernelSession session)
    {
        const string What = "processes, threads and waits";
        if (session.Types.HasAny)
            // Which types are missing is told once all readers have asked for theirs.
            return;
        if (session.Kernel is null)
        {
            session.AddUnknown(What, "the kernel's image is not in the module list");
            return;
        }
        IReadOnlyList<string> search = session.Target.DescribeSearch(session.Kernel);
        string wanted = search.Count > 0 ? search[0] : session.Kernel.FileName;
        session.AddUnknown(What, session.Symbols is null
            ? $"no symbols of the kernel were found ({wanted}); {session.Target.SymbolPathAdvice}"
            : $"the kernel's symbols have no types ({wanted}); {session.Target.SymbolPathAdvice}");
        for (int i = 1; i < search.Count; i++)
            if (search[i].Contains("mismatch", StringComparison.Ordinal) || search[i].Contains("damaged", StringComparison.Ordinal)
                || search[i].Contains("lie elsewhere", StringComparison.Ordinal))
                session.AddUnknown("a symbol file of the kernel", search[i]);
    }

    /// <summary>
    /// Symbols that lack a type or a field cost what rests on it and nothing else: one line says which, however many they are.
    /// </summary>
    public static void TellTypes(KernelSession session, bool areThreadsKnown)
    {
        const int MostNames = 5;
        IReadOnlyCollection<string> missing = session.Types.Missing;
        if (missing.Count == 0)
            return;
        string names = string.Join(", ", missing.Take(MostNames));
        string more = missing.Count > MostNames ? $" and {missing.Count - MostNames} more" : "";
        string what = areThreadsKnown ? "what rests on" : "processes, threads and waits:";
        session.AddUnknown(
            $"{what} {names}{more}", $"the kernel's symbols do not have {(missing.Count == 1 ? "it" : "them")}");
    }
}
