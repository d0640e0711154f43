namespace HangAnalysis.Cli.Prompting;

/// <summary>What text takes of a terminal's screen.</summary>
internal static class TerminalText
{
    /// <summary>
    /// Columns of a UTF-16 unit: two for the wide blocks of Unicode (East Asian Width W and F), one otherwise. The two units
    /// of a pair make two, which is right for what is beyond the first plane and can be in a name at all: emoji, ideographs.
    /// </summary>
    public static int ColumnsOf(char c) => c is >= '\u1100' and <= '\u115f' or >= '\u2e80' and <= '\ua4cf'
        or >= '\uac00' and <= '\ud7a3' or >= '\uf900' and <= '\ufaff' or >= '\ufe30' and <= '\ufe6f'
        or >= '\uff01' and <= '\uff60' or >= '\uffe0' and <= '\uffe6' ? 2 : 1;

    /// <summary>Rows that a line takes on a screen of a width; escape sequences for colours take none.</summary>
    public static int RowsOf(string line, int width)
    {
        int columns = 0;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == '\e')
                while (i + 1 < line.Length && !char.IsAsciiLetter(line[i]))
                    i++;
            else
                columns += ColumnsOf(line[i]);
        }
        return columns == 0 ? 1 : (columns + width - 1) / width;
    }
}
