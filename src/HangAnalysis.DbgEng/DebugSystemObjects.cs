namespace HangAnalysis.DbgEng;

/// <summary>IDebugSystemObjects: which thread is current.</summary>
public sealed unsafe class DebugSystemObjects : IDisposable
{
    private static readonly Guid s_id = new("6b86fe2c-2c4f-4f0c-9da2-174311acc327");
    private readonly DebugInterface _objects;

    /// <summary>Takes the interface from a client.</summary>
    public DebugSystemObjects(DebugInterface client) => _objects = client.Query(s_id);

    /// <summary>Address of the KTHREAD that was current on the current processor; 0 where unknown.</summary>
    public ulong GetCurrentThreadDataOffset()
    {
        ulong address;
        return ((delegate* unmanaged[Stdcall]<nint, ulong*, int>)_objects[13])(_objects.Pointer, &address) < 0 ? 0 : address;
    }

    /// <inheritdoc/>
    public void Dispose() => _objects.Release();
}
